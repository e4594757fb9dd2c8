"""Where in a cropped picture the vectors lie, which are placed in the picture as it was coded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.video.vectors import Candidates, match_vectors

__all__ = ["Cropping"]

_MACROBLOCK = 16
_MOST_TRIES = 25
_CLEARLY = 0.8
"""Of the differences to what vectors lead to, at the place where they are least."""


class Cropping:
    """Finds by what they lead to how far vectors have to be moved, where they do not fit.

    Pictures that are no multiple of 16 are cropped at the right and at the bottom by less than
    that. FFmpeg does not say which side more is cut off at.
    """

    def __init__(self) -> None:
        self._found = {"x": 0, "y": 0}
        self._tries = {"x": 0, "y": 0}

    def moved(self, vectors: NDArray[np.void], candidates: Candidates) -> NDArray[np.void]:
        """The vectors, placed in the picture as it is shown."""
        height, width = candidates.luma.shape
        for axis, side, size in (("x", "w", width), ("y", "h", height)):
            at = vectors[f"dst_{axis}"].astype(np.int32)
            excess = int(np.max(at + vectors[side] // 2, initial=0)) - size
            if excess >= _MACROBLOCK and not self._found[axis] and self._tries[axis] < _MOST_TRIES:
                self._tries[axis] += 1
                self._found[axis] = _best_shift(vectors, candidates, axis, excess)
            if self._found[axis]:
                vectors = _shifted(vectors, axis, self._found[axis])
        return vectors


def _best_shift(vectors: NDArray[np.void], candidates: Candidates, axis: str, excess: int) -> int:
    """By how much vectors lie too far, in pixels; 0 unless another place is clearly better."""
    size = (candidates.luma.shape[0], candidates.luma.shape[1])
    differences = {}
    for shift in range(0, excess + 1, 2):
        found = match_vectors(_shifted(vectors, axis, shift), size, candidates)
        differences[shift] = int(found.errors.astype(np.int64).sum())
    best = min(differences, key=differences.__getitem__)
    return best if differences[best] < _CLEARLY * differences[0] else 0


def _shifted(vectors: NDArray[np.void], axis: str, shift: int) -> NDArray[np.void]:
    moved = vectors.copy()
    moved[f"dst_{axis}"] -= shift
    return moved
