"""Layers shared by the networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import handle_torch_function, has_torch_function_unary

__all__ = [
    "AnyBatchNorm",
    "ChannelGate",
    "ConvBNReLU",
    "GatedConv",
    "NearestUpsampleConv",
    "PyramidPooling",
    "UpsampleConv",
    "auxiliary_head",
    "conv_bn",
    "on_whole_map",
    "resized",
    "scaled",
]


ResultT = TypeVar("ResultT", Tensor, list[Tensor])

AnyBatchNorm = _BatchNorm
"""The class of all batch norms: synchronised ones too, and those that Lightning leaves."""


def scaled(channels: int, width: float) -> int:
    """Multiply a channel count by a network's width, in steps of 8 and at least 8."""
    if not 0 < width < math.inf:
        raise ValueError(f"width is a positive factor on all channel counts, got {width}")
    return max(8, round(channels * width / 8) * 8)


class ConvBNReLU(nn.Module):
    """A convolution without bias that keeps the size (at stride 1), batch norm and ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the odd kernel.
        stride: Step of the kernel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise, rectify."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


def conv_bn(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Build a 1x1 convolution and batch norm, which change a map's channels and stride."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(out_channels),
    )


class NearestUpsampleConv(ConvBNReLU):
    """Repeats each pixel twice along both axes; then a 3x3 convolution, batch norm and ReLU.

    Shapes:
        x: (B, C, h, w)   returns: (B, C', 2h, 2w)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Double, convolve, normalise, rectify."""
        return super().forward(F.interpolate(x, scale_factor=2, mode="nearest"))


class UpsampleConv(nn.Sequential):
    """Upsamples a map twofold, bilinearly; then a 3x3 convolution, batch norm and PReLU.

    Shapes:
        x: (B, C, h, w)   returns: (B, C', 2h, 2w)
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.PReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Upsample, convolve, normalise, rectify."""
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        for layer in self:
            x = layer(x)
        return x


class ChannelGate(nn.Module):
    """A factor in 0..1 for each channel, from the mean of the map: (B, C, H, W) -> (B, C, 1, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the factors."""
        return on_whole_map(self._factors, x)

    def _factors(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.bn(self.conv(x.mean((2, 3), keepdim=True))))


class GatedConv(nn.Module):
    """A convolution, gated channel by channel: (B, C, H, W) -> (B, C', H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ConvBNReLU(in_channels, out_channels)
        self.gate = ChannelGate(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and gate."""
        x = self.conv(x)
        gated: Tensor = x * self.gate(x)
        return gated


class PyramidPooling(nn.Module):
    """Averages of a map over grids of 1, 2, 3 and 6 cells a side, convolved, at the map's size.

    Args:
        in_channels: Channels of the map.
        out_channels: Channels of each level.
        normalise: Whether each level ends in batch norm and ReLU.
        align_corners: How the levels are resized.

    Source: Zhao et al., Pyramid Scene Parsing Network, CVPR 2017, section 3.2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        normalise: bool,
        align_corners: bool,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        levels = [
            nn.Sequential(
                nn.AdaptiveAvgPool2d(side), nn.Conv2d(in_channels, out_channels, 1, bias=False)
            )
            for side in (1, 2, 3, 6)
        ]
        if normalise:
            for level in levels:
                level.extend([nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)])
        self.levels = nn.ModuleList(levels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Pool, convolve and resize."""
        return on_whole_map(self._levels, x)

    def _levels(self, x: Tensor) -> list[Tensor]:
        # A level is (B, out_channels, side, side) before it is resized.
        return [resized(level(x), x, self.align_corners) for level in self.levels]


def resized(x: Tensor, like: Tensor, align_corners: bool = True) -> Tensor:
    """Resize to the size of another map, bilinearly; where the sizes agree, nothing is done."""
    size = like.shape[-2:]
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


def on_whole_map(function: Callable[[Tensor], ResultT], x: Tensor) -> ResultT:
    """Call a function that has to see a whole map, because it pools over it.

    A function like those of PyTorch, for modes that run networks on parts of maps (BlockCopy).

    Args:
        function: Gives maps of the size of ``x``, or of one pixel.
        x: (B, C, h, w).
    """
    if has_torch_function_unary(x):
        result: ResultT = handle_torch_function(on_whole_map, (x,), function, x)
        return result
    return function(x)


def auxiliary_head(
    in_channels: int, channels: int, num_classes: int, *, dropout: float | None = None
) -> nn.Sequential:
    """Score a map of an early stage, in training only; with a dropout of its channels if given."""
    head = nn.Sequential(ConvBNReLU(in_channels, channels))
    if dropout is not None:
        head.append(nn.Dropout2d(dropout))
    return head.append(nn.Conv2d(channels, num_classes, 1))
