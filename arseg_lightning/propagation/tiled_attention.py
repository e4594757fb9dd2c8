"""Window attention in standard operators: gathered tiles, two matrix products and a softmax.

A tile's queries meet the keys of the tile and of a margin around it in one dense matrix product;
pixels outside a query's own window are masked away. That multiplies a few times more than needed,
but at the speed of matrix products, and no tensor of k * k * C * H * W ever exists: only one band
of tiles is in work at a time. Every runtime knows Pad, Gather, MatMul, Add and Softmax, so that
exported graphs hold this form too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from arseg_lightning.accelerator import without_autocast

__all__ = ["TILE", "TiledAttention", "attend_bands", "bands"]

TILE = 8
"""Side of a tile. With a window of 7, a query of a tile meets 196 keys instead of its own 49;
smaller tiles multiply less, but copy more margin."""

_TILES_AT_ONCE = 64
"""Tiles of a band: their keys, values and weights (64 channels, window 7) stay in a CPU's cache."""

_MOST_BANDS = 32
"""Every band is written out in an exported graph: large images get larger bands, not more."""

_OUTSIDE = -1e30
"""Added to the logits of keys outside the image: finite, so that queries of a tile which are
outside themselves stay numbers."""


class TiledAttention(torch.autograd.Function):
    """:func:`attend_bands` with a gradient that computes each band again instead of keeping it."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        window: int,
        zero_padding: bool,
        prior_sigma: float | None,
    ) -> Tensor:
        """Attend."""
        ctx.save_for_backward(query, key, value)
        ctx.arguments = window, zero_padding, prior_sigma
        attended = torch.empty_like(value, dtype=query.dtype)
        for rows, part in attend_bands(query, key, value, *ctx.arguments):
            attended[:, :, rows] = part
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        inputs = ctx.saved_tensors
        precision = _precision(inputs[0])
        attend_band = _band_function(inputs[0], *ctx.arguments)
        # In float32 at least: rows of keys and values are in several bands, whose gradients add up.
        totals = [torch.zeros_like(part, dtype=precision) for part in inputs]
        for rows, near, outside in bands(grad.shape, ctx.arguments[0] // 2):
            slices = (rows, near, near)
            parts = [
                part[:, :, at].to(precision).detach().requires_grad_()
                for part, at in zip(inputs, slices, strict=True)
            ]
            with without_autocast(grad.device):
                with torch.enable_grad():
                    attended = attend_band(outside, *parts)
                found = torch.autograd.grad(attended, parts, grad[:, :, rows].to(precision))
            for total, at, part in zip(totals, slices, found, strict=True):
                total[:, :, at] += part
        grads = (total.to(part.dtype) for total, part in zip(totals, inputs, strict=True))
        return (*grads, None, None, None)


def attend_bands(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    window: int,
    zero_padding: bool,
    prior_sigma: float | None,
) -> Iterator[tuple[slice, Tensor]]:
    """The definition of window attention, one band of tiles after the other.

    Yields:
        Rows of pixels, and the attended values there.

    Shapes:
        query, key: (B, C, H, W)   value: (B, V, H, W)   yields: (B, V, rows, W)
    """
    attend_band = _band_function(query, window, zero_padding, prior_sigma)
    for rows, near, outside in bands(query.shape, window // 2):
        parts = (query[:, :, rows], key[:, :, near], value[:, :, near])
        queries, keys, values = (part.to(_precision(query)) for part in parts)
        with without_autocast(query.device):
            attended = attend_band(outside, queries, keys, values)
        yield rows, attended.to(query.dtype)


def bands(shape: torch.Size, margin: int) -> Iterator[tuple[slice, slice, tuple[int, int]]]:
    """Divide an image into bands of whole rows of tiles.

    Yields:
        Rows of pixels, the rows of keys that they see, and how many more rows of keys the band's
        tiles have above and below the image.
    """
    height, width = shape[-2:]
    tile_rows, columns = -(-height // TILE), -(-width // TILE)
    rows = TILE * max(-(-_TILES_AT_ONCE // columns), -(-tile_rows // _MOST_BANDS))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = top - margin, -(-bottom // TILE) * TILE + margin
        near = slice(max(first, 0), min(last, height))
        yield slice(top, bottom), near, (near.start - first, last - near.stop)


def _band_function(
    query: Tensor, window: int, zero_padding: bool, prior_sigma: float | None
) -> Callable[[tuple[int, int], Tensor, Tensor, Tensor], Tensor]:
    """Attention in one band, of the rows outside, the queries, and the keys and values near."""
    margin, precision = window // 2, _precision(query)
    offset = torch.arange(TILE, device=query.device)[:, None] + margin
    offset = offset - torch.arange(TILE + 2 * margin, device=query.device)  # (query, key), 1-D
    steepness = 0.0 if prior_sigma is None else 1 / (2 * prior_sigma**2)
    prior = (-steepness * offset.square()).to(precision)
    prior = prior.masked_fill(offset.abs() > margin, float("-inf"))
    # (y, x, key y, key x) -> (queries, keys) of a tile: -inf outside a query's window
    mask = (prior[:, None, :, None] + prior[None, :, None, :]).flatten(2).flatten(0, 1)

    def band(outside: tuple[int, int], queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        batch, _, height, width = queries.shape
        right, bottom = -width % TILE, -height % TILE
        around = (margin, right + margin, *outside)
        logits = (
            _tiles(F.pad(queries, (0, right, 0, bottom)), TILE)
            @ _tiles(F.pad(keys, around), TILE + 2 * margin).mT
        )  # (B, N, TILE**2, keys)
        logits = logits + mask
        if not zero_padding:
            is_outside = 1 - F.pad(torch.ones_like(keys[:1, :1]), around)
            logits = logits + _OUTSIDE * _tiles(is_outside, TILE + 2 * margin).mT
        found = logits.softmax(-1) @ _tiles(F.pad(values, around), TILE + 2 * margin)
        rows, columns = (height + bottom) // TILE, (width + right) // TILE
        found = found.reshape(batch, rows, columns, TILE, TILE, -1).permute(0, 5, 1, 3, 2, 4)
        return found.flatten(4).flatten(2, 3)[:, :, :height, :width]  # (B, V, height, width)

    return band


def _tiles(padded: Tensor, side: int) -> Tensor:
    """Gather the pixels of all tiles, which overlap where they have a margin.

    Shapes:
        padded: (B, C, H, W)   returns: (B, N, side**2, C)
    """
    height, width = padded.shape[-2:]
    pixel = torch.arange(side, device=padded.device)
    inside = (pixel[:, None] * width + pixel).flatten()
    top = torch.arange(0, height - side + 1, TILE, device=padded.device)
    left = torch.arange(0, width - side + 1, TILE, device=padded.device)
    corners = (top[:, None] * width + left).flatten()
    positions = corners[:, None] + inside  # (N, side**2)
    gathered = padded.flatten(2).mT.index_select(1, positions.flatten())
    return gathered.reshape(padded.shape[0], -1, side * side, padded.shape[1])


def _precision(part: Tensor) -> torch.dtype:
    return torch.promote_types(part.dtype, torch.float32)
