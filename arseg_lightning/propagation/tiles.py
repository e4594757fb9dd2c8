"""Square tiles of a picture, cut out with a margin around them and put back, a band at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["TILE", "Band", "bands", "padded_size"]

TILE = 8
"""Side of a tile. With a window of 7, a query of a tile meets 196 keys instead of its own 49;
smaller tiles multiply less, but copy more margin."""


@dataclass(frozen=True, slots=True)
class Band:
    """Some rows of tiles, across the whole width of some images of a batch.

    The last tiles of a row or column reach over the edge when the size is no multiple of
    :data:`TILE`. What lies outside the picture is zero when cut and dropped when put back.

    Args:
        images: Which images of the batch.
        top: First pixel row.
        rows: Number of rows of tiles.
        size: Height and width of the picture.
        dtype: What the tiles are cut out as.
    """

    images: slice
    top: int
    rows: int
    size: tuple[int, int]
    dtype: torch.dtype

    @property
    def columns(self) -> int:
        """Number of tiles in a row."""
        return -(-self.size[1] // TILE)

    def cut(self, picture: Tensor, margin: int = 0) -> Tensor:
        """Cut the band's tiles out, each with a margin that overlaps its neighbours.

        Shapes:
            picture: (B, C, H, W)   returns: (N, C, (TILE + 2 * margin)**2), N tiles
        """
        height, width = self.size
        first, last = self.top - margin, self.top + self.rows * TILE + margin
        strip = picture[self.images, :, max(first, 0) : max(min(last, height), 0)]
        right = self.columns * TILE - width + margin
        outside = (margin, right, max(-first, 0), max(last - height, 0))
        tiles = _windows(F.pad(strip.to(self.dtype), outside), TILE + 2 * margin, TILE)
        return tiles.permute(0, 2, 3, 1, 4, 5).flatten(4).flatten(0, 2)

    def put(self, tiles: Tensor, picture: Tensor) -> None:
        """Write tiles without margin where they were cut.

        Shapes:
            tiles: (N, C, TILE**2)   picture: (B, C, H, W)
        """
        target = picture[self.images, :, self.top : self.top + self.rows * TILE]
        blocks = self._blocks(tiles, TILE).permute(0, 1, 2, 4, 3, 5)
        strip = blocks.flatten(4).flatten(2, 3)  # (B, C, rows * TILE, columns * TILE)
        target.copy_(strip[:, :, : target.shape[2], : target.shape[3]])

    def add(self, tiles: Tensor, padded: Tensor, margin: int) -> None:
        """Add tiles with their margin where they were cut: the adjoint of :meth:`cut`.

        Shapes:
            tiles: (N, C, (TILE + 2 * margin)**2)   padded: (B, C, *padded_size(size, margin))
        """
        side = TILE + 2 * margin
        target = padded[self.images, :, self.top : self.top + self.rows * TILE + 2 * margin]
        blocks = self._blocks(tiles, side)
        # Every stride-th tile: those do not overlap, so that they can be added all at once.
        stride = -(-side // TILE)
        for y in range(min(stride, self.rows)):
            for x in range(min(stride, self.columns)):
                places = _windows(target[:, :, y * TILE :, x * TILE :], side, stride * TILE)
                places += blocks[:, :, y::stride, x::stride]

    def _blocks(self, tiles: Tensor, side: int) -> Tensor:
        """(N, C, side * side) -> (B, C, rows, columns, side, side)."""
        shape = (-1, self.rows, self.columns, tiles.shape[1], side, side)
        return tiles.view(shape).permute(0, 3, 1, 2, 4, 5)


def bands(picture: Tensor, tiles_at_once: int) -> Iterator[Band]:
    """Divide a batch of pictures into bands of about so many tiles, one row of tiles at least."""
    batch, _, height, width = picture.shape
    dtype = torch.promote_types(picture.dtype, torch.float32)
    rows, columns = -(-height // TILE), -(-width // TILE)
    images_at_once = max(tiles_at_once // (rows * columns), 1)
    rows_at_once = min(max(tiles_at_once // columns, 1), rows)
    for image in range(0, batch, images_at_once):
        images = slice(image, min(image + images_at_once, batch))
        for row in range(0, rows, rows_at_once):
            yield Band(images, row * TILE, min(rows_at_once, rows - row), (height, width), dtype)


def padded_size(size: tuple[int, int], margin: int) -> tuple[int, int]:
    """Height and width of a picture of whole tiles with a margin around."""
    return -(-size[0] // TILE) * TILE + 2 * margin, -(-size[1] // TILE) * TILE + 2 * margin


def _windows(picture: Tensor, side: int, step: int) -> Tensor:
    """View (B, C, H, W) as squares: (B, C, rows, columns, side, side)."""
    return picture.unfold(2, side, step).unfold(3, side, step)
