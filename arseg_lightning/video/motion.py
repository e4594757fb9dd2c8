"""The motion of one frame to those that it was predicted from, a vector for each 4x4 pixels."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.native import load, pointer
from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.vectors import NO_VECTOR, Candidates, match_vectors, refine_vectors

__all__ = ["BlockMotion", "Evidence", "Kind", "fill_intra", "matched_motion"]

Kind = Literal["anchor", "between", "disposable"]
"""Of a frame: nothing that is shown later was decoded before it; something was, and others may
refer to it; nothing refers to it."""

_MANY_UNKNOWN = 0.15
"""Of a frame's area without vectors, from which motion is refined in any stream: on a film of
traffic with 27 %, a frame 11 frames later is predicted by 8.4 instead of 9.6 grey levels."""

_NUM_FRAMES = 12
_LEAST_SHARE = 0.9
"""Of the area with vectors, that matches. Streams of x264, MPEG-1, 2 and 4 have 0.94 to 1.0, cut
by how well they are encoded; the B-frames of MPEG-4, of which FFmpeg exports the direct blocks
wrongly, 0.0 in a moving scene."""

_RANGE = np.iinfo(np.int16).min, np.iinfo(np.int16).max


@dataclass(frozen=True, slots=True)
class BlockMotion:
    """Motion of one frame to those that it was predicted from, a vector for each 4x4 pixels.

    The grid has h = ceil(H / 4) and w = ceil(W / 4) cells. ``earlier`` is the motion of frames that
    were decoded before this one and are shown later, and of those that were left out before it.
    """

    quarter_pixels: NDArray[np.int16]  # (2, h, w): x and y; filled in where intra
    intra: NDArray[np.bool_]  # (h, w): True where the codec gave no vector that leads somewhere
    # (h, w): by how many frames the one that it leads to is shown later, negative for an earlier
    # one; None where all of it leads to the frame before
    references: NDArray[np.int8] | None = None
    # (h, w): mean difference of a block and what it leads to, in quarter grey levels, 255 where it
    # has no vector; None where it is not known
    errors: NDArray[np.uint8] | None = None
    frame: int | None = None  # index in display order; None for the one after that before it
    kind: Kind = "anchor"  # what may refer to it
    earlier: tuple[BlockMotion, ...] = ()

    def __post_init__(self) -> None:
        """Check shapes and types."""
        field, intra = self.quarter_pixels, self.intra
        if field.shape != (2, *intra.shape) or field.dtype != np.int16 or intra.dtype != np.bool_:
            raise ValueError(
                f"block motion is int16 (2, h, w) with bool (h, w), got {field.dtype} "
                f"{field.shape} with {intra.dtype} {intra.shape}"
            )

    @classmethod
    def rest(cls, size: tuple[int, int], frame: int | None = None) -> BlockMotion:
        """The motion of a frame that is the same as the one before it."""
        grid = tuple(-(-side // BLOCK_SIZE) for side in size)
        return cls(np.zeros((2, *grid), np.int16), np.zeros(grid, np.bool_), frame=frame)

    @classmethod
    def unknown(cls, size: tuple[int, int], frame: int | None = None) -> BlockMotion:
        """The motion of a frame that was predicted from none."""
        found = cls.rest(size, frame)
        found.intra[:] = True
        return found

    @property
    def evidence(self) -> tuple[int, int]:
        """Cells whose vector leads to what looks like them, and cells that have one."""
        if self.errors is None:
            return 0, 0
        has_vector = self.errors != NO_VECTOR
        return int((has_vector & ~self.intra).sum()), int(has_vector.sum())

    @property
    def leads_to(self) -> tuple[int, ...]:
        """The references that occur."""
        if self.references is None:
            return (-1,)
        span = range(int(self.references.min()), int(self.references.max()) + 1)
        return tuple(each for each in span if (self.references == each).any())

    def without(self, lost: Collection[int]) -> BlockMotion:
        """The same, filled in where it leads to frames of which nothing is known."""
        if not lost:
            return self
        if self.references is None:
            blank = np.zeros_like(self.quarter_pixels)
            return replace(self, quarter_pixels=blank, intra=np.ones_like(self.intra))
        unknown = self.intra | np.isin(self.references, list(lost))
        field, references = fill_intra(self.quarter_pixels, unknown, self.references)
        return replace(self, quarter_pixels=field, intra=unknown, references=references)


class Evidence:
    """Counts a stream's cells with a vector (known), and those whose vector leads to its like."""

    def __init__(self, matching: int = 0, known: int = 0) -> None:
        self.matching = matching
        self.known = known
        self._last = deque[tuple[int, int]](maxlen=_NUM_FRAMES)

    @property
    def share(self) -> float | None:
        """Share of the area with vectors where they match; None where nothing has any."""
        return self.matching / self.known if self.known else None

    def add(self, step: BlockMotion) -> None:
        """Look at a frame."""
        matching, known = step.evidence
        if known:
            self._last.append((matching, known))
        self.matching += matching
        self.known += known

    def obstacle(self) -> str | None:
        """What speaks against all vectors, if anything does, worded to follow a stream's name."""
        return _obstacle(self.matching, self.known)

    def recent_obstacle(self) -> str | None:
        """The same of the last frames that have vectors, as soon as there are some."""
        if len(self._last) < _NUM_FRAMES // 3:
            return None
        return _obstacle(*(sum(each) for each in zip(*self._last, strict=True)))


def _obstacle(matching: int, known: int) -> str | None:
    """The share of cells whose vector matches in words, if it is too small."""
    if matching >= _LEAST_SHARE * known:
        return None
    return (
        f"has motion vectors of which only {100 * matching / known:.0f} % lead to what looks alike"
    )


def matched_motion(
    vectors: NDArray[np.void],
    candidates: Candidates,
    frame: int | None,
    kind: Kind = "anchor",
    refines: bool | None = True,
) -> BlockMotion:
    """Find what a frame's vectors lead to, and fill in where that is nothing.

    ``refines`` says whether blocks take the motion of others where that fits better; None if so
    where much of the frame has no vectors.
    """
    found = match_vectors(vectors, candidates)
    field, references = fill_intra(found.field, found.intra, found.references)
    unknown_share = float(found.intra.mean())
    wanted = unknown_share >= _MANY_UNKNOWN if refines is None else refines
    if wanted and unknown_share < 1:
        refine_vectors(field, references, candidates)
    leads_back = bool((references == -1).all())
    return BlockMotion(
        field, found.intra, None if leads_back else references, found.errors, frame, kind
    )


def fill_intra(
    quarter_pixels: NDArray[np.int16],
    intra: NDArray[np.bool_],
    references: NDArray[np.int8],
) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
    """Give intra-coded cells the mean motion of their neighbours, from the rim inwards.

    What is newly seen usually moves with what is beside it. It leads to the frame that most cells
    lead to, and is as fast as its neighbours. A frame that is intra-coded throughout gets zero
    motion.

    Shapes:
        quarter_pixels: (2, h, w)   intra, references: (h, w)   returns: (2, h, w), (h, w)
    """
    field, intra = quarter_pixels.copy(), np.ascontiguousarray(intra)
    references = references.copy()
    kernels = load("motion")
    if kernels is None:
        _fill(field, intra, references)
        return field, references
    height, width = intra.shape
    states = np.empty((height + 2, width + 2), np.uint8)
    queues = np.empty((2, *states.shape), np.int32)
    kernels.fill_unknown(
        pointer(field, np.int16, (2, height, width), written=True),
        pointer(intra, np.bool_),
        pointer(references, np.int8, written=True),
        height,
        width,
        pointer(states, np.uint8, written=True),
        pointer(queues, np.int32, written=True),
    )
    return field, references


def _fill(field: NDArray[np.int16], intra: NDArray[np.bool_], references: NDArray[np.int8]) -> None:
    """The same without kernels, a ring of cells at a time."""
    unknown = intra.copy()
    counts = np.bincount(references[~intra].view(np.uint8), minlength=256)
    first = references.view(np.uint8).flat[0]
    most = first if counts[first] == counts.max() else counts.argmax()
    main = np.uint8(most).view(np.int8)
    references[intra] = main
    by = np.float32(main) / references.astype(np.float32)  # as if all led to one frame
    field[:, intra] = 0
    while unknown.any() and not unknown.all():
        count = _sum_of_neighbours((~unknown).astype(np.float32))
        total = _sum_of_neighbours(np.where(unknown, 0, field * by).astype(np.float32))
        rim = unknown & (count > 0)
        field[:, rim] = np.rint(total[:, rim] / count[rim]).clip(*_RANGE)
        unknown &= ~rim


def _sum_of_neighbours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum over each cell's 3x3 surroundings, (..., h, w)."""
    padded = np.pad(values, [(0, 0)] * (values.ndim - 2) + [(1, 1), (1, 1)])
    rows = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    total: NDArray[np.float32] = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    return total
