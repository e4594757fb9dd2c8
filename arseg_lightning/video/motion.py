"""From the codec's raw vectors to a field on the grid of the smallest blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE, Frame
from arseg_lightning.video.errors import UnsupportedReference
from arseg_lightning.video.kernels import motion_kernels
from arseg_lightning.video.vectors import paint

__all__ = ["BlockMotion", "block_motion", "fill_intra"]


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
    height, width = (_cells(side) for side in frame.size)
    painted, intra, later = paint(vectors, height, width)
    if frame.picture_type == "B" or later:
        raise UnsupportedReference(
            f"frame {frame.index} is predicted from a later one (B-frame), so its vectors do not "
            f"lead to the frame before it; use --motion reencode"
        )
    return BlockMotion(_filled(painted, intra), intra)


def fill_intra(quarter_pixels: NDArray[np.int16], intra: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Give intra-coded cells the mean motion of their neighbours, from the rim inwards.

    What is newly seen usually moves with what is beside it. A frame that is intra-coded
    throughout gets zero motion.

    Shapes:
        quarter_pixels: (2, h, w)   intra: (h, w)   returns: (2, h, w)
    """
    return _filled(np.where(intra, np.int16(0), quarter_pixels), np.ascontiguousarray(intra))


def _filled(field: NDArray[np.int16], intra: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Fill in cells that are zero, in place if there are kernels."""
    kernels = motion_kernels()
    if kernels is not None:
        kernels.fill(field, intra)
        return field
    return _fill(field, intra)


def _fill(field: NDArray[np.int16], intra: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The same without kernels, all of the rim at a time."""
    unknown = intra.copy()
    if unknown.all():
        return field
    filled = field.astype(np.float32)
    while unknown.any():
        count = _sum_of_neighbours((~unknown).astype(np.float32))
        total = _sum_of_neighbours(filled)
        rim = unknown & (count > 0)
        filled[:, rim] = total[:, rim] / count[rim]
        unknown &= ~rim
    return np.rint(filled).astype(np.int16)


def _sum_of_neighbours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum over each cell's 3x3 surroundings, (..., h, w)."""
    padded = np.pad(values, [(0, 0)] * (values.ndim - 2) + [(1, 1), (1, 1)])
    rows = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    total: NDArray[np.float32] = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    return total


def _cells(side: int) -> int:
    return -(-side // BLOCK_SIZE)
