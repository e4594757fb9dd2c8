"""Window attention in standard operators: gathered tiles, matrix products and a softmax."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.propagation.window_attention import WindowAttention

__all__ = ["GatheredWindowAttention", "Tiles", "gather_attention"]

_TILE = (4, 8)
"""Rows and columns of a tile's queries: of the shapes tried, the fastest on ONNX Runtime."""

_TILES_AT_ONCE = 128
"""Tiles of a band: their keys, values and weights (64 channels, window 7) take 10 MB."""

_MOST_BANDS = 32
"""Every band is written out in the graph, so that large images get larger bands, not more."""

_OUTSIDE = -1e30
"""Taken off the logits outside the image: finite, so that a row of nothing else is a number."""


class GatheredWindowAttention(nn.Module):
    """Window attention of the same result as :class:`WindowAttention`, for export.

    Tiles are gathered by index instead of viewed, and the bands are written out one after the
    other: that leaves Pad, Gather, MatMul, Add and Softmax, which every runtime knows, and no
    tensor of k * k * C * H * W. The size of the image is fixed in the graph.

    Args:
        like: The attention whose window, padding and prior are taken over.

    Shapes:
        query, key: (B, C, H, W)   value: (B, D, H, W)   returns: (B, D, H, W)
    """

    def __init__(self, like: WindowAttention) -> None:
        super().__init__()
        self.window = like.window
        self.zero_padding = like.zero_padding
        self.prior_sigma = like.prior_sigma

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        tiles = Tiles((query.shape[2], query.shape[3]), self.window // 2)
        prior, outside = self._prior(), None if self.zero_padding else tiles.outside()
        queries = tiles.cut(query)  # (B, rows, N, Q, C)
        keys, values, positions = tiles.lay_out(key), tiles.lay_out(value), tiles.positions()
        attended = []
        for band in tiles.bands():
            logits = queries[:, band].flatten(1, 2) @ _gather(keys, positions[band]).mT + prior
            if outside is not None:
                logits = logits + outside[band].flatten(0, 1)[:, None]
            attended.append(logits.softmax(-1) @ _gather(values, positions[band]))
        return tiles.put(torch.cat(attended, dim=1))

    def _prior(self) -> Tensor:
        """Prior inside a query's window and -inf outside, (queries, keys) of a tile."""
        margin = self.window // 2
        steep = 0.0 if self.prior_sigma is None else 1 / (2 * self.prior_sigma**2)
        along = []
        for side in _TILE:
            offset = torch.arange(side)[:, None] + margin - torch.arange(side + 2 * margin)
            prior = (-steep * offset.square()).to(torch.float32)
            along.append(prior.masked_fill(offset.abs() > margin, float("-inf")))
        rows, columns = along
        return (rows[:, None, :, None] + columns[None, :, None, :]).flatten(2).flatten(0, 1)


class Tiles:
    """Where the tiles of a image are.

    Args:
        size: Height and width of the image.
        margin: Pixels by which the keys of a tile reach beyond its queries.
    """

    def __init__(self, size: tuple[int, int], margin: int) -> None:
        self.size, self.margin = size, margin
        self.rows, self.columns = (
            -(-pixels // side) for pixels, side in zip(size, _TILE, strict=True)
        )
        self.whole = (self.rows * _TILE[0], self.columns * _TILE[1])

    def bands(self) -> list[slice]:
        """Rows of tiles that are worked on together."""
        rows = max(-(-_TILES_AT_ONCE // self.columns), -(-self.rows // _MOST_BANDS))
        return [slice(top, top + rows) for top in range(0, self.rows, rows)]

    def cut(self, image: Tensor) -> Tensor:
        """The queries of each tile: (B, C, H, W) -> (B, rows, columns, Q, C)."""
        (height, width), (tile_height, tile_width) = self.size, _TILE
        whole = F.pad(image, (0, self.whole[1] - width, 0, self.whole[0] - height))
        shape = (-1, image.shape[1], self.rows, tile_height, self.columns, tile_width)
        return whole.reshape(shape).permute(0, 2, 4, 3, 5, 1).flatten(3, 4)

    def lay_out(self, image: Tensor) -> Tensor:
        """All pixels with zeros around them, each in one piece: (B, C, H, W) -> (B, P, C)."""
        right, bottom = self.whole[1] - self.size[1], self.whole[0] - self.size[0]
        margin = self.margin
        padded = F.pad(image, (margin, right + margin, margin, bottom + margin))
        return padded.flatten(2).mT

    def positions(self) -> Tensor:
        """Where the keys of each tile are laid out: (rows, columns, keys)."""
        stride = self.whole[1] + 2 * self.margin
        down, across = (torch.arange(side + 2 * self.margin) for side in _TILE)
        inside = (down[:, None] * stride + across).flatten()
        top, left = torch.arange(self.rows) * _TILE[0], torch.arange(self.columns) * _TILE[1]
        return (top[:, None] * stride + left)[..., None] + inside

    def outside(self) -> Tensor:
        """What is taken off the logits of keys outside the image: (rows, columns, keys)."""
        image = self.lay_out(torch.ones(1, 1, *self.size))[0, :, 0]
        return (1 - image)[self.positions()] * _OUTSIDE

    def put(self, tiles: Tensor) -> Tensor:
        """Put the tiles together again: (B, rows * columns, Q, C) -> (B, C, H, W)."""
        shape = (-1, self.rows, self.columns, *_TILE, tiles.shape[-1])
        image = tiles.reshape(shape).permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)
        return image[:, :, : self.size[0], : self.size[1]]


def _gather(pixels: Tensor, positions: Tensor) -> Tensor:
    """Fetch the keys or values of a band: (B, P, C), (rows, columns, keys) -> (B, N, keys, C)."""
    fetched = pixels.index_select(1, positions.flatten())
    return fetched.reshape(pixels.shape[0], -1, positions.shape[-1], pixels.shape[-1])


def gather_attention(module: nn.Module) -> None:
    """Replace all window attention inside a module, under every name that it has there."""
    for name, child in list(module.named_modules(remove_duplicate=False)):
        if isinstance(child, WindowAttention):
            module.set_submodule(name, GatheredWindowAttention(child))
