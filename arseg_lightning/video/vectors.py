"""Matches a codec's raw motion vectors with the frames that they may lead to."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.native import load, pointer
from arseg_lightning.types import BLOCK_SIZE

__all__ = ["NO_VECTOR", "VECTOR", "Candidates", "Luma", "Matched", "match_vectors"]
__all__ += ["refine_vectors"]

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

NO_VECTOR = 255

_BIAS, _DETOUR, _TOLERATED = 12, 48, 24
"""In quarter grey levels a pixel: what a candidate has to be better by than each nearer one; what
a later frame has to be better by than an earlier one, since it is itself predicted over a longer
time; a difference at which a block still matches.

On CamVid at 15 Hz, labels warped over 1 to 11 frames hardly depend on the first and the third (0.3
points of mIoU between 0 and 12, 8 and 1000); the second is worth 2 points at 1 frame with
B-frames."""

_ROWS = 2
"""Every second row of a block is looked at."""

_SIDES = (0, -2), (-2, 0), (0, 2), (2, 0)

Luma = NDArray[np.uint8]


class Candidates(NamedTuple):
    """The luma of a frame, and of those that its vectors may lead to, nearest first."""

    luma: Luma  # (H, W), of the frame itself; rows may lie apart
    earlier: tuple[tuple[int, Luma], ...]  # by how many frames each is shown later (negative)
    later: tuple[tuple[int, Luma], ...] = ()  # likewise, positive

    def for_kernel(self) -> tuple[Any, ...]:
        """The frames as the kernels take them."""
        size = self.luma.shape
        every = ((0, self.luma), *self.earlier, *self.later)
        for _, luma in every:
            # rows of a decoder's memory lie apart, so that `pointer` would refuse them
            if luma.dtype != np.uint8 or luma.shape != size or luma.strides[1] != 1:
                raise ValueError(f"a frame is uint8 of {size}, got {luma.dtype} {luma.shape}")
        addresses = (int(luma.__array_interface__["data"][0]) for _, luma in every)
        return (
            (ctypes.c_void_p * len(every))(*addresses),
            (ctypes.c_int * len(every))(*(luma.strides[0] for _, luma in every)),
            (ctypes.c_int8 * len(every))(*(offset for offset, _ in every)),
            len(self.earlier),
            len(self.later),
            *size,
        )


class Matched(NamedTuple):
    """What is known of each cell of 4x4 pixels."""

    field: NDArray[np.int16]  # (2, h, w): x and y in quarter pixels; zero where intra
    references: NDArray[np.int8]  # (h, w): by how many frames what it leads to is shown later
    errors: NDArray[np.uint8]  # (h, w): how far the block is from that, in quarter grey levels a
    # pixel; NO_VECTOR where there is no vector
    intra: NDArray[np.bool_]  # (h, w): True where there is no vector whose block matches


def match_vectors(vectors: NDArray[np.void], candidates: Candidates) -> Matched:
    """Find for each block the frame that its vector leads to: the one that looks most like it.

    FFmpeg says on which side it is, not which. A block that looks like none of them is not
    moved by its vector, whatever the stream says of itself: it is nearer to its own mean than to
    the best of them, and they differ by more than 6 grey levels. Of blocks over one another, as the
    two of a bi-predicted one are, the better counts. Whole pixels suffice to choose.

    """
    grid = tuple(-(-side // BLOCK_SIZE) for side in candidates.luma.shape)  # h, w
    nearest = candidates.earlier[0][0] if candidates.earlier else -1
    found = Matched(  # nothing is known yet
        np.zeros((2, *grid), np.int16),
        np.full(grid, nearest, np.int8),
        np.full(grid, NO_VECTOR, np.uint8),
        np.ones(grid, np.bool_),
    )
    kernels = load("motion") if vectors.dtype == VECTOR else None
    if kernels is None:
        _match(vectors, candidates, found)
        return found
    vectors = np.ascontiguousarray(vectors)
    kernels.match_vectors(
        pointer(vectors, VECTOR),
        len(vectors),
        *candidates.for_kernel(),
        *(_BIAS, _DETOUR, _TOLERATED),
        pointer(found.field, np.int16, written=True),
        pointer(found.references, np.int8, written=True),
        pointer(found.errors, np.uint8, written=True),
        pointer(found.intra, np.bool_, written=True),
    )
    return found


def refine_vectors(
    field: NDArray[np.int16], references: NDArray[np.int8], candidates: Candidates
) -> None:
    """Give each block of 8x8 pixels the motion of one beside it where the frame fits that better.

    An encoder chooses vectors that cost few bits. Divided blocks stay as they are. Field and
    references are filled in where they are unknown, and are changed.

    Shapes:
        field: (2, h, w)   references: (h, w)
    """
    kernels = load("motion")
    if kernels is None:
        _refine(field, references, candidates)
        return
    kernels.refine_vectors(
        *candidates.for_kernel(),
        *(_BIAS, _DETOUR),
        pointer(field, np.int16, (2, *references.shape), written=True),
        pointer(references, np.int8, written=True),
    )


def _match(vectors: NDArray[np.void], candidates: Candidates, to: Matched) -> None:
    """The same without kernels."""
    height, width = candidates.luma.shape
    for vector in vectors:
        source, w, h, left, top, scale = (
            int(vector[name]) for name in ("source", "w", "h", "dst_x", "dst_y", "motion_scale")
        )
        left, top = left - w // 2, top - h // 2
        columns = slice(*np.clip((left, left + w), 0, width).tolist())
        rows = slice(*np.clip((top, top + h), 0, height).tolist())
        block = candidates.luma[rows, columns][::_ROWS].astype(np.int64)
        if not scale or not block.size:
            continue
        x, y = (int(vector[f"motion_{axis}"]) * 4 // scale for axis in "xy")
        side = candidates.earlier if source < 0 else candidates.later
        start = rows.start + ((y + 2) >> 2), columns.start + ((x + 2) >> 2)
        costs = [
            (4 * sad + _BIAS * block.size * rank, offset, sad)
            for rank, (offset, sad) in enumerate(_differences(block, side, *start))
        ]
        if not costs:
            continue
        _, offset, sad = min(costs, key=lambda cost: cost[0])
        error = min(NO_VECTOR - 1, 4 * sad // block.size)
        spread = abs(block - block.sum() // block.size).sum()
        matches = 4 * sad <= _TOLERATED * block.size or sad <= spread
        cells = (
            slice(rows.start // BLOCK_SIZE, -(-rows.stop // BLOCK_SIZE)),
            slice(columns.start // BLOCK_SIZE, -(-columns.stop // BLOCK_SIZE)),
        )
        others = to.errors[cells] + _DETOUR * (to.references[cells] > 0)
        better = (error + _DETOUR * (offset > 0) < others) | (to.errors[cells] == NO_VECTOR)
        to.field[(slice(None), *cells)][:, better] = [[x], [y]] if matches else 0
        for plane, value in ((to.references, offset), (to.errors, error), (to.intra, not matches)):
            plane[cells][better] = value


def _refine(field: NDArray[np.int16], references: NDArray[np.int8], candidates: Candidates) -> None:
    """The same without kernels: forwards, then backwards, so that motion spreads to all sides."""
    height, width = references.shape
    motions = np.concatenate([field, references[None]]).astype(np.int16)  # (3, h, w)
    corners = [(r, c) for r in range(0, height - 1, 2) for c in range(0, width - 1, 2)]
    for row, column in (*corners, *reversed(corners)):
        block = motions[:, row : row + 2, column : column + 2]
        own = block[:, 0, 0].copy()
        if (block != own[:, None, None]).any():
            continue
        part = tuple(slice(BLOCK_SIZE * at, BLOCK_SIZE * (at + 2)) for at in (row, column))
        best, least = own, _misfit(own, part, candidates)
        for r, c in ((row + down, column + right) for down, right in _SIDES):
            if 0 <= r < height and 0 <= c < width:
                cost = _misfit(motions[:, r, c], part, candidates)
                if cost < least:
                    best, least = motions[:, r, c].copy(), cost
        block[:] = best[:, None, None]
    field[:], references[:] = motions[:2], motions[2]


def _misfit(motion: NDArray[np.int16], part: tuple[slice, ...], candidates: Candidates) -> int:
    """How badly a part of the frame fits what a motion leads to."""
    x, y, reference = (int(each) for each in motion[:3])
    is_later = reference > 0
    side = candidates.later if is_later else candidates.earlier
    rank = [offset for offset, _ in side].index(reference)
    block = candidates.luma[part][::_ROWS].astype(np.int64)
    start = part[0].start + ((y + 2) >> 2), part[1].start + ((x + 2) >> 2)
    ((_, sad),) = _differences(block, side[rank : rank + 1], *start)
    return 4 * sad + block.size * (_BIAS * rank + _DETOUR * is_later)


def _differences(
    block: NDArray[np.int64], side: tuple[tuple[int, Luma], ...], top: int, left: int
) -> Iterator[tuple[int, int]]:
    """Offsets and sums of absolute differences; frames go on beyond their edges."""
    for offset, luma in side:
        rows = np.arange(top, top + _ROWS * block.shape[0], _ROWS).clip(0, luma.shape[0] - 1)
        columns = np.arange(left, left + block.shape[1]).clip(0, luma.shape[1] - 1)
        yield offset, int(abs(block - luma[rows[:, None], columns]).sum())
