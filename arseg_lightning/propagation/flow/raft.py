"""RAFT-small: motion by repeated look-ups in a table of all pairs' correlations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.propagation.flow.flow_network import FlowNetwork, load_flow_weights
from arseg_lightning.ranges import check_range

__all__ = ["RAFTSmall"]

_LEVELS, _RADIUS = 4, 3
_HIDDEN, _CONTEXT = 96, 64


class RAFTSmall(FlowNetwork):
    """The small network of RAFT; parameters have the published names, so that its file loads.

    Args:
        iterations: Updates of the motion; published: 12 to 20.
        weights: File to start from: a flow network of a training, or the published
            ``raft-small.pth``.
        normalise: How the images that it is given were normalised.

    Source: Teed and Deng, RAFT, ECCV 2020.
    Differs: the motion stays on the grid of its features, an eighth of the images' sides; images
        need not be multiples of 8.
    """

    stride = 8

    def __init__(
        self,
        iterations: int = 12,
        weights: str | None = None,
        normalise: Normalisation | None = None,
    ) -> None:
        super().__init__()
        check_range(1, iterations=iterations)
        self.iterations = iterations
        self.normalise = normalise or Normalisation()
        self.fnet = _Encoder(128, nn.InstanceNorm2d)
        self.cnet = _Encoder(_HIDDEN + _CONTEXT, nn.Identity)
        self.update_block = _Update()
        if weights is not None:
            load_flow_weights(self, weights)

    def forward(self, image: Tensor, reference: Tensor) -> Tensor:
        """Estimate backward motion at an eighth of the images' sides."""
        height, width = image.shape[-2:]
        padding = (0, -width % 8, 0, -height % 8)
        first, second = (
            F.pad(2 * self.normalise.undo(each) / 255 - 1, padding, mode="replicate")
            for each in (image, reference)
        )
        pyramid = _correlations(*self.fnet(torch.cat([first, second])).chunk(2))
        hidden, context = self.cnet(first).split([_HIDDEN, _CONTEXT], dim=1)
        hidden, context = hidden.tanh(), context.relu()
        rows, columns = (torch.arange(side, device=image.device) for side in hidden.shape[-2:])
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        start = torch.stack((x, y))[None].to(hidden.dtype)  # (1, 2, h, w)
        motion = torch.zeros_like(start).expand(len(image), -1, -1, -1)
        for _ in range(self.iterations):
            motion = motion.detach()  # as published: each update learns on its own
            found = _look_up(pyramid, start + motion)
            hidden, change = self.update_block(hidden, context, found, motion)
            motion = motion + change
        return motion


class _Encoder(nn.Module):
    """Features at an eighth of an image's sides, from (B, 3, H, W)."""

    def __init__(self, channels: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3)
        self.norm1 = norm(32)
        self.layer1 = nn.Sequential(_Bottleneck(32, 32, norm, 1), _Bottleneck(32, 32, norm, 1))
        self.layer2 = nn.Sequential(_Bottleneck(32, 64, norm, 2), _Bottleneck(64, 64, norm, 1))
        self.layer3 = nn.Sequential(_Bottleneck(64, 96, norm, 2), _Bottleneck(96, 96, norm, 1))
        self.conv2 = nn.Conv2d(96, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        features: Tensor = self.conv2(self.layer3(self.layer2(self.layer1(x))))
        return features


class _Bottleneck(nn.Module):
    """Three convolutions around a quarter of the channels, and a shortcut."""

    def __init__(
        self, in_channels: int, out_channels: int, norm: type[nn.Module], stride: int
    ) -> None:
        super().__init__()
        quarter = out_channels // 4
        self.conv1 = nn.Conv2d(in_channels, quarter, 1)
        self.conv2 = nn.Conv2d(quarter, quarter, 3, stride=stride, padding=1)
        self.conv3 = nn.Conv2d(quarter, out_channels, 1)
        self.norm1, self.norm2, self.norm3 = norm(quarter), norm(quarter), norm(out_channels)
        self.downsample: nn.Module | None = None
        if stride != 1:
            shortcut = nn.Conv2d(in_channels, out_channels, 1, stride=stride)
            self.downsample = nn.Sequential(shortcut, norm(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        y = F.relu(self.norm3(self.conv3(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class _Update(nn.Module):
    """One update of the hidden state and the motion; parameters are grouped as published."""

    def __init__(self) -> None:
        super().__init__()
        taps = _LEVELS * (2 * _RADIUS + 1) ** 2
        self.encoder = nn.ModuleDict(
            {
                "convc1": nn.Conv2d(taps, 96, 1),
                "convf1": nn.Conv2d(2, 64, 7, padding=3),
                "convf2": nn.Conv2d(64, 32, 3, padding=1),
                "conv": nn.Conv2d(128, 80, 3, padding=1),
            }
        )
        gates = _HIDDEN + _CONTEXT + 82
        self.gru = nn.ModuleDict(
            {name: nn.Conv2d(gates, _HIDDEN, 3, padding=1) for name in ("convz", "convr", "convq")}
        )
        self.flow_head = nn.ModuleDict(
            {
                "conv1": nn.Conv2d(_HIDDEN, 128, 3, padding=1),
                "conv2": nn.Conv2d(128, 2, 3, padding=1),
            }
        )

    def forward(
        self, hidden: Tensor, context: Tensor, found: Tensor, motion: Tensor
    ) -> tuple[Tensor, Tensor]:
        encoder, gru = self.encoder, self.gru
        seen = F.relu(encoder["convc1"](found))
        moved = F.relu(encoder["convf2"](F.relu(encoder["convf1"](motion))))
        joined = F.relu(encoder["conv"](torch.cat([seen, moved], dim=1)))
        x = torch.cat([context, joined, motion], dim=1)
        update = torch.sigmoid(gru["convz"](torch.cat([hidden, x], dim=1)))
        reset = torch.sigmoid(gru["convr"](torch.cat([hidden, x], dim=1)))
        candidate = torch.tanh(gru["convq"](torch.cat([reset * hidden, x], dim=1)))
        hidden = (1 - update) * hidden + update * candidate
        change: Tensor = self.flow_head["conv2"](F.relu(self.flow_head["conv1"](hidden)))
        return hidden, change


def _correlations(image: Tensor, reference: Tensor) -> list[Tensor]:
    """Products of all pairs of features, and averages of them over the reference's grid.

    Shapes:
        image, reference: (B, C, h, w)   returns: (B * h * w, 1, h', w') a level
    """
    channels, height, width = image.shape[1:]
    products = image.flatten(2).transpose(1, 2) @ reference.flatten(2)  # (B, hw, hw)
    level = products.reshape(-1, 1, height, width) / math.sqrt(channels)
    levels = [level]
    for _ in range(_LEVELS - 1):
        # A map of one row or column cannot be halved any more.
        sides = [2 if side > 1 else 1 for side in level.shape[-2:]]
        level = F.avg_pool2d(level, sides)
        levels.append(level)
    return levels


def _look_up(pyramid: list[Tensor], at: Tensor) -> Tensor:
    """Correlations around positions, on each level.

    Shapes:
        at: (B, 2, h, w), in pixels of the finest level   returns: (B, levels * 49, h, w)
    """
    batch, _, height, width = at.shape
    centre = at.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)  # (B * h * w, 1, 1, 2), x and y
    steps = torch.arange(-_RADIUS, _RADIUS + 1, device=at.device, dtype=at.dtype)
    # As published, the first axis of the window steps along x, the second along y.
    window = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1)
    found = []
    for index, level in enumerate(pyramid):
        sides = torch.tensor(level.shape[:-3:-1], device=at.device, dtype=at.dtype)
        position = centre / 2**index + window  # (B * h * w, 7, 7, 2)
        grid = 2 * position / (sides - 1).clamp(min=1) - 1
        taps = F.grid_sample(level, grid, align_corners=True)
        found.append(taps.reshape(batch, height, width, -1))
    return torch.cat(found, dim=-1).permute(0, 3, 1, 2)
