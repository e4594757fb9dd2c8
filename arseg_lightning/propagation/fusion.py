"""What a fusion is: the current low-res feature meets the warped keyframe feature."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

__all__ = ["Fusion"]


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
