"""Block motion as few bytes: what 16x16 or 8x8 pixels share is stored once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.video.kernels import motion_kernels
from arseg_lightning.video.motion import BlockMotion

__all__ = ["pack", "unpack"]

_SIDE = 4
"""Cells along a side of a macroblock, which has four quarters of four cells."""

Flags = NDArray[np.bool_]


def pack(motion: BlockMotion) -> bytes:
    """Write a frame's motion as bytes, which still compress well.

    In this order: a bit for each macroblock, set where its cells differ; four bits for each of
    those, set for its quarters whose cells differ; x (int16, little endian) of whole macroblocks,
    then of whole quarters, then of single cells; y likewise; a bit for each of them, set where it
    is intra-coded; and the reference of each (int8), unless that is -1 for all. Everything goes
    row by row, within a macroblock too, and the grid is made full at the right and at the bottom
    with copies of its last cells.
    """
    planes = [motion.quarter_pixels, motion.intra[None]]
    if motion.references is not None:
        planes.append(motion.references[None])
    cells = _to_macroblocks(np.concatenate(planes))
    first = cells[..., :1]  # of each quarter
    split_quarters = (cells != first).any(axis=(0, 3))
    split = split_quarters.any(1) | (first != first[:, :, :1]).any(axis=(0, 2, 3))
    inside, parts = cells[:, split], split_quarters[split]
    whole = cells[:, ~split, 0, 0], inside[:, ~parts, 0], inside[:, parts].reshape(len(cells), -1)
    x, y, intra, *references = np.concatenate(whole, axis=1)
    flags = [np.packbits(split), np.packbits(parts)]
    vectors = np.stack([x, y]).astype("<i2")
    values = (vectors, np.packbits(intra != 0), *(each.astype(np.int8) for each in references))
    return b"".join(part.tobytes() for part in (*flags, *values))


def unpack(content: bytes, grid: tuple[int, int]) -> BlockMotion:
    """Read what :func:`pack` wrote.

    Args:
        content: The bytes.
        grid: Height and width of the block grid.

    Raises:
        ValueError: If the bytes are not those of a motion of this size.
    """
    kernels = motion_kernels()
    if kernels is None:
        motion = _unpack(content, grid)
    else:
        found = kernels.unpack(content, grid)
        motion = None if found is None else BlockMotion(*found)
    if motion is None:
        raise ValueError(f"{len(content)} bytes are no motion of {grid[0]}x{grid[1]} cells")
    return motion


def _unpack(content: bytes, grid: tuple[int, int]) -> BlockMotion | None:
    """The same without kernels; None for other bytes."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8)).view(np.bool_)
    num_macroblocks = -(-grid[0] // _SIDE) * -(-grid[1] // _SIDE)
    split, at = bits[:num_macroblocks], -(-num_macroblocks // 8)
    parts = bits[8 * at :][: 4 * split.sum()]
    at += -(-len(parts) // 8)
    ends = np.cumsum([(~split).sum(), (~parts).sum(), _SIDE * parts.sum()])
    end = at + 4 * ends[2] + -(-ends[2] // 8)
    lengths_fit = len(content) in (end, end + ends[2])
    if len(split) != num_macroblocks or len(parts) != 4 * split.sum() or not lengths_fit:
        return None
    x, y = np.frombuffer(content, "<i2", 2 * ends[2], at).reshape(2, -1)
    references = np.frombuffer(content, np.int8, -1, end) if len(content) > end else -1
    values = np.stack([x, y, bits[8 * (at + 4 * ends[2]) :][: ends[2]], 0 * x + references])
    planes = _place(split, parts, np.split(values, ends[:2], axis=1), grid)
    found = planes[3].astype(np.int8) if len(content) > end else None
    return BlockMotion(planes[:2].astype(np.int16), planes[2].astype(np.bool_), found)


def _place(
    split: Flags, parts: Flags, values: list[NDArray[np.generic]], grid: tuple[int, int]
) -> NDArray[np.generic]:
    """Put values of macroblocks, quarters and cells into their places."""
    whole, quarters, single = values
    num_channels = len(whole)
    inside = np.empty((num_channels, len(parts), 4), whole.dtype)
    inside[:, ~parts] = quarters[..., None]
    inside[:, parts] = single.reshape(num_channels, -1, 4)
    cells = np.empty((num_channels, len(split), 4, 4), whole.dtype)
    cells[:, ~split] = whole[..., None, None]
    cells[:, split] = inside.reshape(num_channels, -1, 4, 4)
    rows, columns = (-(-side // _SIDE) for side in grid)
    in_order = cells.reshape(num_channels, rows, columns, 2, 2, 2, 2).transpose(0, 1, 3, 5, 2, 4, 6)
    full = in_order.reshape(num_channels, rows * _SIDE, columns * _SIDE)
    return full[:, : grid[0], : grid[1]]


def _to_macroblocks(planes: NDArray[np.int16]) -> NDArray[np.int16]:
    """Sort (C, h, w) into (C, macroblocks, 4 quarters, 4 cells)."""
    channels, height, width = planes.shape
    full = np.pad(planes, [(0, 0), (0, -height % _SIDE), (0, -width % _SIDE)], mode="edge")
    split = full.reshape(channels, -(-height // _SIDE), 2, 2, -(-width // _SIDE), 2, 2)
    return split.transpose(0, 1, 4, 2, 5, 3, 6).reshape(channels, -1, 4, 4)
