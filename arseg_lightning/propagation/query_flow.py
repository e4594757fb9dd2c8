"""MPVSS's motion network: a flow for each query of a network that finds masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import scaled
from arseg_lightning.propagation.warp import warp_to

__all__ = ["QueryFlow", "WarpConvention", "warp_masks"]

WarpConvention = Literal["exact", "released"]
"""``exact``: zero flow is the identity; ``released`` reads the published code's positions."""

_SLOPE = 0.1
_LEVELS = 3
"""Of the encoder's maps, the coarsest that attend."""


class QueryFlow(nn.Module):
    """Estimates where each query's mask was in the keyframe.

    An encoder sees both images at half their size. Its three coarsest maps and the queries attend
    to each other in turn. A decoder makes a flow of all pixels of the maps; each query a flow of
    its own, as the product of a vector with a map of motion; a convolution fuses both. It starts
    with no flow at all.

    Args:
        query_channels: Channels of the queries; attention has as many.
        num_queries: Number of queries Q.
        layers: Attention layers; each sees one of the three maps.
        heads: Attention heads.
        width: Factor on the channels of the encoder and the decoder.

    Source: Weng et al., Mask Propagation for Efficient Video Semantic Segmentation, NeurIPS 2023;
        details of the published code.
    Differs: the published one starts with a flow of one pixel, and its first step trains the
        last layer alone; it subtracts a mean of its own from the images.
    """

    def __init__(
        self,
        query_channels: int = 256,
        num_queries: int = 100,
        layers: int = 9,
        heads: int = 8,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        wide = query_channels
        c1, c2, c3, c4, c6 = (scaled(c, width) for c in (64, 128, 256, 512, 1024))
        self.encoder = nn.ModuleList(
            (
                _convs((6, c1), 7),
                _convs((c1, c2), 5),
                _convs((c2, c3, c3), 5),
                _convs((c3, c4, c4)),
                _convs((c4, c4, c4)),
                _convs((c4, c6, c6)),
            )
        )
        self.project = nn.ModuleList(nn.Conv2d(c, wide, 1) for c in (c6, c4, c4))
        self.level = nn.Embedding(_LEVELS, wide)
        self.position = nn.Embedding(num_queries, wide)
        self.attention = nn.ModuleList(_JointAttention(wide, heads) for _ in range(layers))
        self.motion_map = _mlp(c2, 2 * wide, 2 * wide)
        self.norm = nn.LayerNorm(wide)
        self.vector = _mlp(wide, 2 * wide, wide)
        self.dense = _DenseFlow((wide, wide, wide, c3, c2), scaled(128, width), scaled(64, width))
        self.fuse = nn.Conv2d(4, 2, 3, padding=1)
        self._start()

    def forward(self, image: Tensor, keyframe: Tensor, queries: Tensor) -> Tensor:
        """Estimate the flow of each query from the image to the keyframe.

        Shapes:
            image, keyframe: (B, 3, H, W), multiples of 32   queries: (B, Q, C)
            returns: (B, Q, 2, H / 8, W / 8), x and y in pixels of that grid
        """
        dtype = self.fuse.weight.dtype
        maps = self.encode(image.to(dtype), keyframe.to(dtype))
        vectors, levels = self.attend(queries.to(dtype), maps)
        dense = self.dense((*levels, *maps[_LEVELS:]))[-1]  # (B, 2, h, w)
        return self.fused(dense, self.query_flow(vectors, maps[-1]))

    def encode(self, image: Tensor, keyframe: Tensor) -> list[Tensor]:
        """The maps of both images, coarse to fine: strides 128, 64, 32, 16 and 8 of the image."""
        both = torch.cat([image, keyframe], dim=1)
        x = F.interpolate(both, scale_factor=0.5, mode="bilinear", align_corners=False)
        maps = list[Tensor]()
        for stage in self.encoder:
            x = stage(x)
            maps.append(x)
        return maps[:0:-1]

    def attend(self, queries: Tensor, maps: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Have queries and the coarsest maps attend: their vectors, (B, Q, C), and the maps."""
        coarse = list(zip(self.project, maps, self.level.weight, strict=False))
        sizes = [x.shape[-2:] for _, x, _ in coarse]
        tokens = [(project(x).flatten(2) + each[:, None]).mT for project, x, each in coarse]
        positions = [_sine(size, queries) for size in sizes]  # (h w, C) each
        for index, layer in enumerate(self.attention):
            level = index % _LEVELS
            # What is added here stays: layers that come later add it again, as published.
            given = [queries + self.position.weight, tokens[level] + positions[level]]
            seen = layer(torch.cat(given, dim=1))
            queries, tokens[level] = seen.split([queries.shape[1], tokens[level].shape[1]], dim=1)
        levels = [x.mT.unflatten(2, size) for x, size in zip(tokens, sizes, strict=True)]
        return self.vector(self.norm(queries)), levels

    def query_flow(self, vectors: Tensor, finest: Tensor) -> Tensor:
        """The flow of each query by itself, (B, Q, 2, h, w)."""
        motion = self.motion_map(finest.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y, x = motion.chunk(2, dim=1)  # (B, C, h, w) each
        return torch.stack(
            [torch.einsum("bqc,bchw->bqhw", vectors, axis) for axis in (x, y)], dim=2
        )

    def fused(self, dense: Tensor, of_queries: Tensor) -> Tensor:
        """Fuse the flow of all pixels, (B, 2, h, w), with those of the queries."""
        all_pixels = dense[:, None].expand_as(of_queries)
        both = torch.cat([all_pixels, of_queries], dim=2)  # (B, Q, 4, h, w)
        fused: Tensor = self.fuse(both.flatten(0, 1))
        return fused.view_as(of_queries)

    @torch.no_grad()
    def _start(self) -> None:
        """Start as published, but without any flow, and so that both of its parts learn."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, a=_SLOPE, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for layer in self.attention.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
        for last in (self.vector[-1], self.dense.predict[-1], self.fuse):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        for axis in range(2):  # the sum of both flows
            self.fuse.weight[axis, axis::2, 1, 1] = 1


class _DenseFlow(nn.Module):
    """A flow of all pixels, refined from the coarsest map to the finest.

    Args:
        channels: Of the maps, coarse to fine.
        wide: Channels that a map passes on to the next one.
        narrow: The same to the last one.
    """

    def __init__(self, channels: Sequence[int], wide: int, narrow: int) -> None:
        super().__init__()
        passed = [wide] * (len(channels) - 2) + [narrow]
        inputs = [channels[0]]
        inputs += [c + more + 2 for c, more in zip(channels[1:], passed, strict=True)]
        self.predict = nn.ModuleList(nn.Conv2d(c, 2, 3, padding=1, bias=False) for c in inputs)
        self.enlarge_flow = nn.ModuleList(_doubled(2, 2) for _ in passed)
        self.enlarge = nn.ModuleList(
            _doubled(c, more) for c, more in zip(inputs[:-1], passed, strict=True)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Estimate it on the grid of each map, (B, 2, h, w)."""
        x, flows = maps[0], list[Tensor]()
        for index, finer in enumerate((*maps[1:], None)):
            flows.append(self.predict[index](x))
            if finer is None:
                break
            rows, columns = finer.shape[-2:]
            more = F.leaky_relu(self.enlarge[index](x), _SLOPE)[..., :rows, :columns]
            flow = self.enlarge_flow[index](flows[-1])[..., :rows, :columns]
            x = torch.cat([finer, more, flow], dim=1)
        return flows


class _JointAttention(nn.Module):
    """Self-attention and a feed-forward network, each with its shortcut and then a norm."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.first = nn.LayerNorm(channels)
        self.forth = nn.Sequential(
            nn.Linear(channels, 8 * channels), nn.ReLU(), nn.Linear(8 * channels, channels)
        )
        self.second = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x + self.attend(x, x, x, need_weights=False)[0])
        seen: Tensor = self.second(x + self.forth(x))
        return seen


def warp_masks(masks: Tensor, flow: Tensor, convention: WarpConvention = "exact") -> Tensor:
    """Fetch each mask along its own flow.

    Shapes:
        masks: (B, Q, h, w)   flow: (B, Q, 2, h', w')   returns: (B, Q, h, w)

    Source: ``released`` is the warp of mmtracking 0.x, which the published code calls: there, zero
        flow is not the identity, since positions are divided by the sides and read as if by the
        sides less one.
    """
    maps, flow = masks.flatten(0, 1)[:, None], flow.flatten(0, 1)  # (B Q, 1, h, w), (B Q, 2, …)
    if convention == "exact":
        return warp_to(maps, flow).view_as(masks)
    height, width = masks.shape[-2:]
    factor = width / flow.shape[-1]
    flow = factor * F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    grid = torch.stack((2 * x / width - 1, 2 * y / height - 1), dim=-1)  # (B Q, h, w, 2)
    fetched = F.grid_sample(maps, grid, padding_mode="border", align_corners=True)
    return fetched.view_as(masks)


def _convs(channels: Sequence[int], first_kernel: int = 3) -> nn.Sequential:
    """Convolutions of which the first halves the map, each with a leaky rectifier."""
    layers = list[nn.Module]()
    for index, (before, after) in enumerate(pairwise(channels)):
        kernel = 3 if index else first_kernel
        conv = nn.Conv2d(before, after, kernel, 1 if index else 2, kernel // 2)
        layers += [conv, nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers)


def _doubled(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=False)


def _mlp(in_channels: int, hidden: int, out_channels: int) -> nn.Sequential:
    """Three linear layers."""
    return nn.Sequential(
        nn.Linear(in_channels, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, out_channels),
    )


def _sine(size: Sequence[int], like: Tensor) -> Tensor:
    """Sines and cosines of the positions of a map, (h w, C), rows first."""
    channels = like.shape[-1] // 2
    exponent = 2 * (torch.arange(channels, device=like.device) // 2) / channels
    waves = list[Tensor]()
    for side in size:
        place = torch.arange(1, side + 1, device=like.device, dtype=torch.float32)
        angle = (2 * math.pi * place / (side + 1e-6))[:, None] / 10000**exponent  # (side, C / 2)
        waves.append(torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), -1).flatten(1))
    y, x = waves
    both = (y[:, None].expand(-1, size[1], -1), x[None].expand(size[0], -1, -1))
    return torch.cat(both, dim=-1).flatten(0, 1).to(like.dtype)
