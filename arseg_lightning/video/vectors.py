"""Finds what the codec's raw vectors lead to, on the grid of the smallest blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.kernels import motion_kernels

__all__ = ["BIAS", "DETOUR", "NO_VECTOR", "VECTOR", "Candidates", "Luma", "Painted"]
__all__ += ["differences", "match_vectors"]

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

_ACCEPTED, BIAS, _TOLERATED, DETOUR = 8, 12, 24, 32
"""In quarter grey levels a pixel: a difference that ends the search; what a candidate has to be
better by than each nearer one; a difference at which a block still matches; what a later picture
has to be better by than an earlier one, since it is itself predicted over a longer time.

On CamVid at 15 Hz, labels carried over 1 to 11 frames hardly depend on the first three (0.3 points
of mIoU between 0 and 12, 0 and 16, 8 and 1000); the last is worth 1.8 points at 1 frame with
B-frames."""

Luma = NDArray[np.uint8]


class Candidates(NamedTuple):
    """The luma of a picture, and of those that its vectors may lead to, nearest first.

    Args:
        luma: The picture itself, (H, W); rows may lie apart.
        earlier: By how many frames a picture is shown later (negative), and its luma.
        later: Likewise, positive.
    """

    luma: Luma
    earlier: tuple[tuple[int, Luma], ...]
    later: tuple[tuple[int, Luma], ...]


@dataclass(frozen=True, slots=True)
class Painted:
    """What is known of each cell of 4x4 pixels.

    Args:
        field: x and y in quarter pixels, int16 of shape (2, h, w); zero where ``intra``.
        references: By how many frames the picture that it leads to is shown later, int8 (h, w).
        errors: How far the cell's block is from there, in quarter grey levels a pixel, uint8
            (h, w); :data:`NO_VECTOR` where there is no vector.
        intra: True where there is no vector whose block matches, bool (h, w).
    """

    field: NDArray[np.int16]
    references: NDArray[np.int8]
    errors: NDArray[np.uint8]
    intra: NDArray[np.bool_]

    @classmethod
    def blank(cls, size: tuple[int, int], reference: int = -1) -> Painted:
        """Nothing known of a picture of this height and width."""
        grid = tuple(-(-side // BLOCK_SIZE) for side in size)
        return cls(
            np.zeros((2, *grid), np.int16),
            np.full(grid, reference, np.int8),
            np.full(grid, NO_VECTOR, np.uint8),
            np.ones(grid, np.bool_),
        )


def match_vectors(
    vectors: NDArray[np.void], size: tuple[int, int], candidates: Candidates | None
) -> Painted:
    """Find for each block the picture that its vector leads to: the one that looks most like it.

    FFmpeg says on which side it is, not which. A block that looks like none of them is not
    moved by its vector, whatever the stream says of itself: it is nearer to its own mean than to
    the best of them, and they differ by more than 6 grey levels. Of blocks over one another, as the
    two of a bi-predicted one are, the better counts. Whole pixels suffice to choose.

    Args:
        vectors: With the fields of ``AVMotionVector``, at least those of place and motion.
        size: Height and width of the picture.
        candidates: What they may lead to; None takes all of them to lead to the frame before.
    """
    nearest = candidates.earlier[:1] if candidates is not None else ()
    found = Painted.blank(size, *(offset for offset, _ in nearest))
    kernels = motion_kernels()
    if kernels is not None and vectors.dtype == VECTOR:
        limits = _ACCEPTED, BIAS, _TOLERATED, DETOUR
        planes = found.field, found.references, found.errors, found.intra
        kernels.match(vectors, size, candidates, limits, planes)
    else:
        _match(vectors, size, candidates, found)
    return found


def _match(
    vectors: NDArray[np.void], size: tuple[int, int], candidates: Candidates | None, to: Painted
) -> None:
    """The same without kernels."""
    for vector in vectors:
        source, w, h, left, top, scale = (
            int(vector[name]) for name in ("source", "w", "h", "dst_x", "dst_y", "motion_scale")
        )
        left, top = left - w // 2, top - h // 2
        columns = slice(*np.clip((left, left + w), 0, size[1]).tolist())
        rows = slice(*np.clip((top, top + h), 0, size[0]).tolist())
        area = (columns.stop - columns.start) * (rows.stop - rows.start)
        if not scale or not area:
            continue
        x, y = (int(vector[f"motion_{axis}"]) * 4 // scale for axis in "xy")
        offset, error, matches = -1, 0, True
        if candidates is not None:
            side = candidates.earlier if source < 0 else candidates.later
            block = candidates.luma[rows, columns].astype(np.int64)
            place = rows.start + ((y + 2) >> 2), columns.start + ((x + 2) >> 2)
            best = _best(differences(block, side, *place), area)
            if best is None:
                continue
            offset, sad = best
            error = min(254, 4 * sad // area)
            matches = 4 * sad <= _TOLERATED * area or sad <= abs(block - block.sum() // area).sum()
        cells = (
            slice(rows.start // BLOCK_SIZE, -(-rows.stop // BLOCK_SIZE)),
            slice(columns.start // BLOCK_SIZE, -(-columns.stop // BLOCK_SIZE)),
        )
        others = to.errors[cells] + DETOUR * (to.references[cells] > 0)
        better = (error + DETOUR * (offset > 0) < others) | (to.errors[cells] == NO_VECTOR)
        to.field[(slice(None), *cells)][:, better] = [[x], [y]] if matches else 0
        for plane, value in ((to.references, offset), (to.errors, error), (to.intra, not matches)):
            plane[cells][better] = value


def differences(
    block: NDArray[np.int64], side: tuple[tuple[int, Luma], ...], top: int, left: int
) -> Iterator[tuple[int, int]]:
    """Offsets and sums of absolute differences; pictures go on beyond their edges."""
    for offset, luma in side:
        rows = np.arange(top, top + block.shape[0]).clip(0, luma.shape[0] - 1)
        columns = np.arange(left, left + block.shape[1]).clip(0, luma.shape[1] - 1)
        yield offset, int(abs(block - luma[rows[:, None], columns]).sum())


def _best(differences: Iterator[tuple[int, int]], area: int) -> tuple[int, int] | None:
    """The best of them, as far as one has to look."""
    best, least = None, 0
    for rank, (offset, sad) in enumerate(differences):
        cost = 4 * sad + BIAS * area * rank
        if best is None or cost < least:
            best, least = (offset, sad), cost
        if 4 * sad <= _ACCEPTED * area:
            break
    return best
