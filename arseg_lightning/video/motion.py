"""From the codec's raw vectors to a field on the grid of the smallest blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE, Frame
from arseg_lightning.video.errors import UnsupportedReference

__all__ = ["BlockMotion", "block_motion", "fill_intra"]

_MACROBLOCK = 16


@dataclass(frozen=True, slots=True)
class BlockMotion:
    """Backward motion of one frame to the frame before it, a vector for each 4x4 pixels.

    Args:
        quarter_pixels: int16 of shape (2, h, w) with h = ceil(H / 4), w = ceil(W / 4): x and y in
            quarter pixels; filled in where the block is intra-coded.
        intra: True where the codec gave no vector, bool of shape (h, w).
    """

    quarter_pixels: NDArray[np.int16]
    intra: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check shapes and types."""
        field, intra = self.quarter_pixels, self.intra
        if field.shape != (2, *intra.shape) or field.dtype != np.int16 or intra.dtype != np.bool_:
            raise ValueError(
                f"block motion is int16 (2, h, w) with bool (h, w), got {field.dtype} "
                f"{field.shape} with {intra.dtype} {intra.shape}"
            )


def block_motion(frame: Frame) -> BlockMotion:
    """Paint a frame's vectors onto the 4x4 grid, and fill in intra-coded blocks.

    Args:
        frame: A frame decoded with its vectors.

    Raises:
        ValueError: If the frame was decoded without vectors.
        UnsupportedReference: If it predicts from a later frame.
    """
    vectors = frame.vectors
    if vectors is None:
        raise ValueError(f"frame {frame.index} was decoded without vectors; use motion=True")
    if frame.picture_type == "B" or (vectors["source"] > 0).any():
        raise UnsupportedReference(
            f"frame {frame.index} is predicted from a later one (B-frame), so its vectors do not "
            f"lead to the frame before it; use --motion reencode"
        )
    height, width = (_cells(side) for side in frame.size)
    painted, seen = _paint(vectors, height, width)
    intra = ~seen
    return BlockMotion(fill_intra(painted, intra), intra)


def fill_intra(quarter_pixels: NDArray[np.int16], intra: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Give intra-coded cells the mean motion of their neighbours, from the rim inwards.

    What is newly seen usually moves with what is beside it. A frame that is intra-coded
    throughout gets zero motion.

    Shapes:
        quarter_pixels: (2, h, w)   intra: (h, w)   returns: (2, h, w)
    """
    filled = np.where(intra, 0, quarter_pixels).astype(np.float32)
    unknown = intra.copy()
    if unknown.all():
        return filled.astype(np.int16)
    while unknown.any():
        count = _sum_of_neighbours((~unknown).astype(np.float32))
        total = _sum_of_neighbours(filled)
        rim = unknown & (count > 0)
        filled[:, rim] = total[:, rim] / count[rim]
        unknown &= ~rim
    return np.rint(filled).astype(np.int16)


def _paint(
    vectors: NDArray[np.void], height: int, width: int
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Write each vector into the cells of its block; blocks of one size go together."""
    # Blocks reach beyond the picture where its size is no multiple of 16.
    margin = _MACROBLOCK // BLOCK_SIZE
    field = np.zeros((2, height + margin, width + margin), np.int16)
    seen = np.zeros(field.shape[1:], np.bool_)
    scale = vectors["motion_scale"].astype(np.int32)
    quarter = [vectors[f"motion_{axis}"] * 4 // scale for axis in "xy"]
    left = (vectors["dst_x"] - vectors["w"].astype(np.int32) // 2) // BLOCK_SIZE
    top = (vectors["dst_y"] - vectors["h"].astype(np.int32) // 2) // BLOCK_SIZE
    sizes = np.stack([vectors["h"], vectors["w"]], axis=1)
    for block_height, block_width in np.unique(sizes, axis=0):
        chosen = (sizes == (block_height, block_width)).all(axis=1)
        rows = top[chosen, None, None] + np.arange(block_height // BLOCK_SIZE)[:, None]
        columns = left[chosen, None, None] + np.arange(block_width // BLOCK_SIZE)
        for channel in range(2):
            field[channel, rows, columns] = quarter[channel][chosen, None, None]
        seen[rows, columns] = True
    return field[:, :height, :width], seen[:height, :width]


def _sum_of_neighbours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum over each cell's 3x3 surroundings, (..., h, w)."""
    padded = np.pad(values, [(0, 0)] * (values.ndim - 2) + [(1, 1), (1, 1)])
    rows = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    total: NDArray[np.float32] = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    return total


def _cells(side: int) -> int:
    return -(-side // BLOCK_SIZE)
