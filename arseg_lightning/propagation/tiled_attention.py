"""Window attention in plain PyTorch, a tile's queries at once.

A tile's queries meet the keys of the tile and of a margin around it in one dense matrix product;
places outside a query's own window are masked away. That multiplies a few times more than needed,
but at the speed of matrix products, and no tensor of k * k * C * H * W ever exists: only a few
tiles are in work at a time, forward and backward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from arseg_lightning.propagation.precision import without_autocast
from arseg_lightning.propagation.tiles import TILE, Band, bands, padded_size

__all__ = ["TiledAttention"]


class TiledAttention(torch.autograd.Function):
    """The attention and its gradient, one band of tiles after the other."""

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
        ctx.windows = windows = _Windows.around(query, window, zero_padding, prior_sigma)
        margin = windows.margin
        attended = torch.empty_like(value, dtype=query.dtype)
        with without_autocast(query.device):
            for band in _bands(query, value):
                weights = windows.weights(band, band.cut(query), band.cut(key, margin))
                band.put(band.cut(value, margin) @ weights.mT, attended)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        query, key, value = ctx.saved_tensors
        margin = ctx.windows.margin
        grad_query = torch.empty_like(query)
        grad_key, grad_value = _padded_zeros(key, margin), _padded_zeros(value, margin)
        with without_autocast(query.device):
            for band in _bands(query, value):
                queries, keys, came = band.cut(query), band.cut(key, margin), band.cut(grad)
                weights = ctx.windows.weights(band, queries, keys)
                band.add(came @ weights, grad_value, margin)
                grad_logits = _through_softmax(weights, came.mT @ band.cut(value, margin))
                band.add(queries @ grad_logits, grad_key, margin)
                band.put(keys @ grad_logits.mT, grad_query)
        return (
            grad_query,
            _inner(grad_key, key, margin),
            _inner(grad_value, value, margin),
            None,
            None,
            None,
        )


@dataclass(frozen=True, slots=True)
class _Windows:
    """Which of a tile's keys each of its queries may see.

    Args:
        margin: Pixels by which a window reaches beyond its centre.
        mask: Prior inside a query's window and -inf outside, (queries, keys) of a tile.
        picture: Ones of shape (B, 1, H, W), or None when places outside take part.
    """

    margin: int
    mask: Tensor
    picture: Tensor | None

    @classmethod
    def around(
        cls, query: Tensor, window: int, zero_padding: bool, prior_sigma: float | None
    ) -> _Windows:
        """The windows of every pixel of a feature."""
        margin = window // 2
        dtype = torch.promote_types(query.dtype, torch.float32)
        query_place = torch.arange(TILE, device=query.device) + margin
        key_place = torch.arange(TILE + 2 * margin, device=query.device)
        offset = query_place[:, None] - key_place
        steep = 0.0 if prior_sigma is None else 1 / (2 * prior_sigma**2)
        prior = (-steep * offset.square()).to(dtype)
        prior = prior.masked_fill(offset.abs() > margin, float("-inf"))
        mask = prior[:, None, :, None] + prior[None, :, None, :]  # (y, x, key y, key x)
        picture = (
            None if zero_padding else query.new_ones(()).expand(query.shape[0], 1, *query.shape[2:])
        )
        return cls(margin, mask.flatten(2).flatten(0, 1), picture)

    def weights(self, band: Band, queries: Tensor, keys: Tensor) -> Tensor:
        """Softmax over each window: (N, C, queries), (N, C, keys) -> (N, queries, keys)."""
        logits = torch.baddbmm(self.mask, queries.mT, keys)
        if self.picture is not None:
            outside = band.cut(self.picture, self.margin) == 0  # (N, 1, keys)
            # Finite, so that queries of a tile which are outside themselves stay numbers.
            logits.masked_fill_(outside, torch.finfo(logits.dtype).min)
        return logits.softmax(-1)


def _bands(query: Tensor, value: Tensor) -> Iterator[Band]:
    """Bands whose tiles stay in the cache of a CPU, or give a large device enough to do."""
    # A tile's memory grows with its channels (keys, values) and its queries (logits, weights).
    channels = (query.shape[1] + value.shape[1]) // 2
    tiles_at_once = 8192 // (channels + TILE**2)
    return bands(query, tiles_at_once if query.device.type == "cpu" else 16 * tiles_at_once)


def _through_softmax(weights: Tensor, grad: Tensor) -> Tensor:
    """Gradient of the logits, from that of the weights."""
    return weights * (grad - (weights * grad).sum(-1, keepdim=True))


def _padded_zeros(picture: Tensor, margin: int) -> Tensor:
    """Where gradients are added up, in float32 at least: whole tiles and a margin around."""
    size = padded_size((picture.shape[2], picture.shape[3]), margin)
    dtype = torch.promote_types(picture.dtype, torch.float32)
    return picture.new_zeros(*picture.shape[:2], *size, dtype=dtype)


def _inner(padded: Tensor, picture: Tensor, margin: int) -> Tensor:
    """Cut the padding off again."""
    height, width = picture.shape[2:]
    inner = padded[:, :, margin : margin + height, margin : margin + width]
    return inner.to(picture.dtype)
