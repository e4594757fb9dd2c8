"""Attention of every pixel to the k x k window around it, in standard operators.

A tile's queries meet the keys of the tile and of a margin around it in one dense matrix product;
pixels outside a query's own window are masked away. That multiplies a few times more than needed,
but at the speed of matrix products, and no tensor of k * k * C * H * W ever exists: only one band
of tiles is in work at a time. Every runtime knows Pad, Gather, MatMul, Add and Softmax, so that
exported graphs hold this form too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from arseg_lightning.accelerator import without_autocast

__all__ = ["TILE", "WindowAttention", "bands", "window_attention"]

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


class WindowAttention(nn.Module):
    """:func:`window_attention` as a module, so that its cost can be counted.

    Args:
        window: See :func:`window_attention`, as the others.
        zero_padding: Whether pixels outside the image take part with logit 0 and value 0.
        prior_sigma: Prior for the near.

    Raises:
        ValueError: If ``window`` is not odd and positive, or ``prior_sigma`` is not positive.
    """

    def __init__(
        self, window: int = 7, zero_padding: bool = True, prior_sigma: float | None = None
    ) -> None:
        super().__init__()
        _check(window, prior_sigma)
        self.window, self.zero_padding, self.prior_sigma = window, zero_padding, prior_sigma

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        return window_attention(query, key, value, self.window, self.zero_padding, self.prior_sigma)

    def macs(self, query: Tensor, output: Tensor) -> int:
        """Multiply-accumulates of one call: k * k for each element of query and output.

        This is the method's cost; masked products do not count.
        """
        return self.window**2 * (query.numel() + output.numel())


def window_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    window: int,
    zero_padding: bool = True,
    prior_sigma: float | None = None,
) -> Tensor:
    """Attend from every pixel to its k x k neighbourhood: one head, logits not scaled.

    Computed in float32 at least, whatever the type of the inputs and under autocast too. The
    backward pass recomputes the weights instead of keeping them.

    Args:
        query: Queries; they decide the type of the result.
        key: Keys.
        value: Values; their channels need not be as many.
        window: Side k of the odd window.
        zero_padding: Whether neighbours outside the image take part with logit 0 and value 0,
            as in the paper, or are left out.
        prior_sigma: Prior for the near: a neighbour at distance r pixels has
            ``r**2 / (2 * prior_sigma**2)`` taken off its logit. None, as in the paper: all alike.

    Shapes:
        query, key: (B, C, H, W)   value: (B, V, H, W)   returns: (B, V, H, W)

    Raises:
        ValueError: If ``window`` is not odd and positive, ``prior_sigma`` is not positive, or the
            shapes differ.

    Source: Hu et al., CVPR 2023 (AR-Seg), the local attention of CReFF; the prior is ours.
    """
    _check(window, prior_sigma)
    on_one_grid = query.dim() == value.dim() == 4 and query[:, :1].shape == value[:, :1].shape
    if query.shape != key.shape or not on_one_grid:
        shapes = ", ".join(str(tuple(part.shape)) for part in (query, key, value))
        raise ValueError(
            "query and key are (B, C, H, W) of one shape, and value is (B, V, H, W) on the same "
            f"grid; got {shapes}"
        )
    kind, margin = query.dtype, window // 2
    # In float32 at least: rows of keys and values are in several bands, whose gradients add up.
    query, key, value = (
        part.to(torch.promote_types(kind, torch.float32)) for part in (query, key, value)
    )
    mask, attended = _mask(query, margin, prior_sigma), []
    at_once = query.numel() if query.is_meta else _TILES_AT_ONCE  # what has no values is at once
    for rows, near, outside in bands(query.shape, margin, at_once):
        given = query[:, :, rows], key[:, :, near], value[:, :, near], mask
        around = margin, outside, zero_padding
        attended.append(
            checkpoint(_attend, *given, *around, use_reentrant=False, preserve_rng_state=False)
            if torch.is_grad_enabled()
            else _attend(*given, *around)
        )
    return torch.cat(attended, dim=2).to(kind)


def bands(
    shape: torch.Size, margin: int, at_once: int = _TILES_AT_ONCE
) -> Iterator[tuple[slice, slice, tuple[int, int]]]:
    """Divide an image into bands of whole rows of tiles, ``at_once`` or a little more each.

    Yields:
        Rows of pixels, the rows of keys that they see, and how many more rows of keys the band's
        tiles have above and below the image.
    """
    height, width = shape[-2:]
    tile_rows, columns = -(-height // TILE), -(-width // TILE)
    rows = TILE * max(-(-at_once // columns), -(-tile_rows // _MOST_BANDS))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = top - margin, -(-bottom // TILE) * TILE + margin
        near = slice(max(first, 0), min(last, height))
        yield slice(top, bottom), near, (near.start - first, last - near.stop)


def _mask(query: Tensor, margin: int, prior_sigma: float | None) -> Tensor:
    """The prior by query and key of a tile, -inf outside a query's window: (queries, keys)."""
    offset = torch.arange(TILE, device=query.device)[:, None] + margin
    offset = offset - torch.arange(TILE + 2 * margin, device=query.device)  # (query, key), 1-D
    steepness = 0.0 if prior_sigma is None else 1 / (2 * prior_sigma**2)
    prior = (-steepness * offset.square()).to(query.dtype)
    prior = prior.masked_fill(offset.abs() > margin, float("-inf"))
    return (prior[:, None, :, None] + prior[None, :, None, :]).flatten(2).flatten(0, 1)


def _attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor,
    margin: int,
    outside: tuple[int, int],
    zero_padding: bool,
) -> Tensor:
    """Attend in one band, (B, V, rows, W), from keys and values near it."""
    batch, _, height, width = queries.shape
    right, bottom = -width % TILE, -height % TILE
    around = (margin, right + margin, *outside)
    with without_autocast(queries.device):
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
    return found.flatten(4).flatten(2, 3)[:, :, :height, :width]


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


def _check(window: int, prior_sigma: float | None) -> None:
    """Raise unless the window has a centre and the prior a width."""
    if window < 1 or window % 2 == 0:
        raise ValueError(f"a window has a centre, so its side is odd; got window={window}")
    if prior_sigma is not None and not 0 < prior_sigma < math.inf:
        raise ValueError(
            f"prior_sigma is a distance in pixels and positive, or null; got {prior_sigma}"
        )
