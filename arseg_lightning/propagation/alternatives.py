"""Fusions that CReFF is compared with: none, one convolution, global attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.propagation.creff import Fusion, fusion_projection, upsample

__all__ = ["ConvFusion", "GlobalAttention", "NoFusion"]


class NoFusion(Fusion):
    """Leaves the low-res feature as it is: AR-Seg without CReFF.

    What remains of AR-Seg is FST: a low-res network that learned from the high-res one.

    Args:
        channels: Channels C of both features.

    Shapes:
        low: (B, C, h, w)   warped: (B, C, H, W)   returns: (B, C, h, w)

    Source: Hu et al., CVPR 2023, ablation "w/o CReFF".
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, low: Tensor, warped: Tensor) -> Tensor:
        """Return the low-res feature."""
        return low


class ConvFusion(Fusion):
    """Fuses by one 3x3 convolution over both features.

    Args:
        channels: Channels C of both features.

    Shapes:
        low: (B, C, h, w)   warped: (B, C, H, W)   returns: (B, C, H, W)

    Source: Hu et al., CVPR 2023, ablation "F_Conv".
    Differs: starts as the mean of both features, as CReFF does here.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, channels, 3, padding=1)
        # A mean of the two features, with a little noise.
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.mix.weight.mul_(0.1)
            for c in range(channels):
                self.mix.weight[c, [c, c + channels], 1, 1] += 0.5

    def forward(self, low: Tensor, warped: Tensor) -> Tensor:
        """Fuse the two features at the resolution of ``warped``."""
        fused: Tensor = self.mix(torch.cat([upsample(low, warped), warped], dim=1))
        return fused


class GlobalAttention(Fusion):
    """Lets every pixel attend to the whole warped feature, at a reduced resolution.

    Args:
        channels: Channels C of both features.
        reduction: Feature pixels of a key, along each axis.

    Shapes:
        low: (B, C, h, w)   warped: (B, C, H, W)   returns: (B, C, H, W)

    Raises:
        ValueError: If the reduction is below 1.

    Source: Hu et al., CVPR 2023, ablation "F_GA".
    Differs: queries, keys and values are depthwise convolutions as in CReFF, each of its own
        feature, without a second projection; in the published code keys are made from values.
    """

    def __init__(self, channels: int, reduction: float = 32.0) -> None:
        super().__init__()
        if not 1 <= reduction < math.inf:
            raise ValueError(f"reduction is a key's size in pixels, at least 1; got {reduction}")
        self.reduction = reduction
        self.query, self.key, self.value = (fusion_projection(channels) for _ in range(3))

    def forward(self, low: Tensor, warped: Tensor) -> Tensor:
        """Fuse the two features at the resolution of ``warped``."""
        upsampled = upsample(low, warped)
        height, width = (max(1, int(side / self.reduction)) for side in warped.shape[-2:])
        key, value = (
            F.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)
            for part in (self.key(warped), self.value(warped))
        )
        attended = F.scaled_dot_product_attention(
            _tokens(self.query(upsampled)), _tokens(key), _tokens(value)
        )  # (B, HW, C)
        return upsampled + attended.mT.reshape(upsampled.shape)


def _tokens(feature: Tensor) -> Tensor:
    """Turn (B, C, H, W) into (B, HW, C)."""
    return feature.flatten(2).transpose(1, 2)
