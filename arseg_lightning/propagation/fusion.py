"""What a fusion is: the current low-res feature meets the warped keyframe feature."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Fusion", "upsample"]


class Fusion(nn.Module, ABC):
    """Combines the current frame's low-res feature with the keyframe's warped high-res one.

    A subclass takes ``channels`` as its first constructor argument: the network decides it.
    """

    @abstractmethod
    def forward(self, low: Tensor, warped: Tensor) -> Tensor:
        """Fuse the two features at the resolution of ``warped``.

        Shapes:
            low: (B, C, h, w)   warped: (B, C, H, W)   returns: (B, C, H, W)
        """


def upsample(low: Tensor, like: Tensor) -> Tensor:
    """Bring a low-res feature to the resolution of a high-res one, as the paper's code does.

    Shapes:
        low: (B, C, h, w)   like: (B, C, H, W)   returns: (B, C, H, W)
    """
    size = (like.shape[-2], like.shape[-1])
    return F.interpolate(low, size=size, mode="bilinear", align_corners=True)
