"""Paints the codec's raw vectors onto the grid of the smallest blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.kernels import motion_kernels

__all__ = ["VECTOR", "paint"]

VECTOR = np.dtype(
    [
        ("source", "int32"),
        ("w", "uint8"),
        ("h", "uint8"),
        ("src_x", "int16"),
        ("src_y", "int16"),
        ("dst_x", "int16"),
        ("dst_y", "int16"),
        ("flags", "uint64"),
        ("motion_x", "int32"),
        ("motion_y", "int32"),
        ("motion_scale", "uint16"),
    ],
    align=True,
)
"""FFmpeg's ``AVMotionVector``, as PyAV gives it."""

_MACROBLOCK = 16


def paint(
    vectors: NDArray[np.void], height: int, width: int
) -> tuple[NDArray[np.int16], NDArray[np.bool_], bool]:
    """Write each vector into the cells of its block.

    Args:
        vectors: With the fields of ``AVMotionVector``, at least those of place and motion.
        height: Rows of the grid.
        width: Columns of the grid.

    Shapes:
        returns: (2, h, w) x and y in quarter pixels, zero where there is none; (h, w), True where
            there is none; and whether a vector leads to a later frame
    """
    kernels = motion_kernels()
    if kernels is not None and vectors.dtype == VECTOR:
        field = np.empty((2, height, width), np.int16)
        intra = np.empty((height, width), np.bool_)
        later = kernels.paint(vectors, field, intra)
        if later is not None:
            return field, intra, later
    return *_paint(vectors, height, width), bool((vectors["source"] > 0).any())


def _paint(
    vectors: NDArray[np.void], height: int, width: int
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """The same without kernels; blocks of one size go together."""
    # Blocks reach beyond the picture where its size is no multiple of 16.
    margin = _MACROBLOCK // BLOCK_SIZE
    field = np.zeros((2, height + margin, width + margin), np.int16)
    intra = np.ones(field.shape[1:], np.bool_)
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
        intra[rows, columns] = False
    return field[:, :height, :width].copy(), intra[:height, :width].copy()
