"""Fusions of a low-res feature with the warped keyframe feature: CReFF and its alternatives."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.propagation.window_attention import WindowAttention
from arseg_lightning.ranges import check_range, check_words

__all__ = ["CReFF", "ConvFusion", "Fusion", "GlobalAttention", "NoFusion", "Projection", "Start"]
__all__ += ["scaled", "upsample"]

Projection = Literal["depthwise", "full"]
Start = Literal["mean", "paper"]


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


class CReFF(Fusion):
    """Cross-resolution feature fusion: low-res features attend to warped high-res ones.

    The upsampled low-res feature is the query; keys and values come from a window around the
    same pixel of the warped keyframe feature; the result is added back.

    Args:
        channels: Channels C of both features.
        window: Side k of the odd local window; 7 in the paper.
        zero_padding: Whether window pixels outside the image take part with logit 0 and value 0,
            as in the paper, or are left out.
        start: Weights before training. ``mean``: attention compares the features as they are,
            and half of its result is added, so that both branches contribute alike from the
            first step on. ``paper``: normal weights of standard deviation 1/3, which need
            thousands of steps to become useful.
        projection: Convolutions that make queries, keys and values: ``depthwise``, or ``full``
            over all channels, at many times the cost (the paper's F_LA*).
        prior_sigma: Standard deviation, in feature pixels, of a Gaussian over the window that
            favours near pixels; None in the paper. Attention that has not learned yet blurs the
            propagated feature; a prior keeps it sharp, which short trainings need.
        direct_connection: Whether the upsampled low-res feature is added to the attended one.
        low_res_gain: Factor of the low-res feature that is added, learned for each channel from
            here on; None in the paper: 1, and not learned. With a small one, a training starts
            from the keyframe's feature, carried by motion, and learns where that is wrong.

    Raises:
        ValueError: If ``window`` is not odd and positive, ``prior_sigma`` is not positive, or
            ``low_res_gain`` is not in [0, 1] or has no direct connection.

    Source: Hu et al., CVPR 2023 (AR-Seg), CReFF; checked against the official code's numbers.
        The prior and the gain are ours.
    """

    def __init__(
        self,
        channels: int,
        window: int = 7,
        zero_padding: bool = True,
        start: Start = "mean",
        projection: Projection = "depthwise",
        direct_connection: bool = True,
        prior_sigma: float | None = None,
        low_res_gain: float | None = None,
    ) -> None:
        super().__init__()
        check_words(start=(start, Start), projection=(projection, Projection))
        self.gain = None
        if low_res_gain is not None:
            check_range(0, 1, low_res_gain=low_res_gain)
            if not direct_connection:
                raise ValueError(
                    f"low_res_gain {low_res_gain} is a factor of the low-res feature that is "
                    f"added, and direct_connection is off; leave one of the two out"
                )
            self.gain = nn.Parameter(torch.full((channels, 1, 1), float(low_res_gain)))
        self.query, self.key, self.value = (_projection(channels, projection) for _ in range(3))
        self.direct_connection = direct_connection
        self.attention = WindowAttention(window, zero_padding, prior_sigma)
        if start == "mean":
            found = 0.5 if direct_connection else 1.0
            found = found if low_res_gain is None else 1 - low_res_gain
            scales = {self.query: 1 / math.sqrt(channels), self.key: 1.0, self.value: found}
            for conv, scale in scales.items():
                nn.init.dirac_(conv.weight, groups=conv.groups)  # the identity
                with torch.no_grad():
                    conv.weight.mul_(scale)

    def forward(self, low: Tensor, warped: Tensor) -> Tensor:
        """Fuse the two features at the resolution of ``warped``."""
        upsampled = upsample(low, warped)
        attended: Tensor = self.attention(
            self.query(upsampled), self.key(warped), self.value(warped)
        )
        return attended + scaled(upsampled, self.gain) if self.direct_connection else attended


class NoFusion(Fusion):
    """Leaves the low-res feature as it is: AR-Seg without CReFF.

    What remains of AR-Seg is FST: a low-res network that learned from the high-res one.

    Args:
        channels: Channels C of both features.

    Source: Hu et al., CVPR 2023, ablation "w/o CReFF".
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, low: Tensor, warped: Tensor) -> Tensor:
        """Return the low-res feature."""
        return low


class ConvFusion(Fusion):
    """Fuses by one convolution over both features.

    Args:
        channels: Channels C of both features.
        kernel: Side of its odd window.

    Source: Hu et al., CVPR 2023, ablation "F_Conv".
    Differs: starts as the mean of both features, as CReFF does here.
    """

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        centre = kernel // 2
        self.mix = nn.Conv2d(2 * channels, channels, kernel, padding=centre)
        # A mean of the two features, with a little noise.
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.mix.weight.mul_(0.1)
            for c in range(channels):
                self.mix.weight[c, [c, c + channels], centre, centre] += 0.5

    def forward(self, low: Tensor, warped: Tensor) -> Tensor:
        """Fuse the two features at the resolution of ``warped``."""
        fused: Tensor = self.mix(torch.cat([upsample(low, warped), warped], dim=1))
        return fused


class GlobalAttention(Fusion):
    """Lets every pixel attend to the whole warped feature, at a reduced resolution.

    Args:
        channels: Channels C of both features.
        reduction: Feature pixels of a key, along each axis.

    Source: Hu et al., CVPR 2023, ablation "F_GA".
    Differs: queries, keys and values are depthwise convolutions as in CReFF, each of its own
        feature, without a second projection; in the published code keys are made from values.
    """

    def __init__(self, channels: int, reduction: float = 32.0) -> None:
        super().__init__()
        check_range(1, reduction=reduction)
        self.reduction = reduction
        self.query, self.key, self.value = (_projection(channels) for _ in range(3))

    def forward(self, low: Tensor, warped: Tensor) -> Tensor:
        """Fuse the two features at the resolution of ``warped``."""
        upsampled = upsample(low, warped)
        height, width = (max(1, int(side / self.reduction)) for side in warped.shape[-2:])
        key, value = (
            F.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)
            for part in (self.key(warped), self.value(warped))
        )
        # (B, C, H, W) -> (B, HW, C): a token is a pixel
        query, key, value = (x.flatten(2).mT for x in (self.query(upsampled), key, value))
        attended = F.scaled_dot_product_attention(query, key, value)  # (B, HW, C)
        return upsampled + attended.mT.reshape(upsampled.shape)


def scaled(feature: Tensor, gain: Tensor | None) -> Tensor:
    """Scale each channel of a feature, (B, C, h, w), by a gain, (C, 1, 1), if there is one."""
    return feature if gain is None else feature * gain.to(feature.dtype)


def upsample(low: Tensor, like: Tensor) -> Tensor:
    """Bring a low-res feature to the resolution of a high-res one, as the paper's code does."""
    return F.interpolate(low, size=like.shape[-2:], mode="bilinear", align_corners=True)


def _projection(channels: int, kind: Projection = "depthwise") -> nn.Conv2d:
    """A 3x3 convolution that makes queries, keys or values, with the published initialisation."""
    groups = channels if kind == "depthwise" else 1
    conv = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
    nn.init.kaiming_normal_(conv.weight, a=1)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
