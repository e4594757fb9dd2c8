"""The arithmetic of a motion chain: by NumPy, and by native kernels with equal results."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.native import load, pointer
from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.motion import BlockMotion

__all__ = ["NativeComposition", "NumpyComposition", "relative_motion"]

ScalarT = TypeVar("ScalarT", bound=np.generic)

_MAX_PAIR = np.iinfo(np.int16).max

_ROUNDS = 3
"""Where the field changes by 0.1 from pixel to pixel, a thousandth of it is missing after these."""


class _Pixels(NamedTuple):
    """The motion of each pixel to the keyframe, x and y in quarter pixels, int32 (H, W)."""

    x: NDArray[np.int32]
    y: NDArray[np.int32]
    valid: NDArray[np.bool_]


class NumpyComposition:
    """Adds up motion along frames, of any size and for any length.

    Args:
        size: Height and width of the frames.
        rounds: Whether steps are rounded to whole pixels.
    """

    def __init__(self, size: tuple[int, int], rounds: bool) -> None:
        height, width = size
        self.size = size
        self.rounds = rounds
        self._y = np.arange(0, 4 * height, 4, dtype=np.int32)[:, None]
        self._x = np.arange(0, 4 * width, 4, dtype=np.int32)

    def compose(
        self, step: BlockMotion, before: Mapping[int, _Pixels | None], wanted: bool
    ) -> tuple[_Pixels, Motion | None]:
        """Add a step to the fields of the frames that it leads to.

        Args:
            step: The step.
            before: Their fields, by reference; None stands for the keyframe.
            wanted: Whether the motion is asked for too, which saves reading the field again.
        """
        height, width = self.size
        cells = step.quarter_pixels.astype(np.int32)
        if self.rounds:
            cells[:, step.intra] = 0
            cells = 4 * np.rint(cells / 4).astype(np.int32)
        x = (self._x + self._to_pixels(cells[0])).clip(0, 4 * (width - 1))
        y = (self._y + self._to_pixels(cells[1])).clip(0, 4 * (height - 1))
        position = ((y + 2) >> 2) * width + ((x + 2) >> 2)  # the nearest pixel
        found = _Pixels(x - self._x, y - self._y, ~self._to_pixels(step.intra))
        for reference, field in before.items():
            if field is None:
                continue
            here = ...
            if step.references is not None:
                here = self._to_pixels(step.references) == reference
            at = position[here]
            found.x[here] += field.x.take(at)
            found.y[here] += field.y.take(at)
            found.valid[here] &= field.valid.take(at)
        return found, self.motion(found) if wanted else None

    def motion(self, field: _Pixels | None) -> Motion:
        """The motion of a field."""
        if field is None:
            return Motion.zero(*self.size)
        xy = np.stack([field.x, field.y]).astype(np.float32) * np.float32(0.25)
        return Motion(xy, field.valid.copy())

    def _to_pixels(self, cells: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """Repeat each cell over its 4x4 pixels."""
        height, width = self.size
        return cells.repeat(BLOCK_SIZE, 0).repeat(BLOCK_SIZE, 1)[:height, :width]


class NativeComposition:
    """The same where motion fits into 16 bits; many times as fast.

    A field is int16 of shape (H, W, 2): x in quarter pixels, then twice y, plus 1 where it is not
    valid.
    """

    def __init__(self, size: tuple[int, int], rounds: bool, kernels: ctypes.CDLL) -> None:
        self.size = size
        self.rounds = rounds
        self._kernels = kernels

    @staticmethod
    def fits(size: tuple[int, int]) -> bool:
        """Whether motion in frames of this size fits: quarter pixels, and one bit more for y.

        A path stays inside the frame but for the rounding of its look-ups, at most half a pixel a
        step. That evens out: a thousand steps that all round to one side are left room for.
        """
        return max(8 * size[0], 4 * size[1]) + 4 * 1000 <= _MAX_PAIR

    def compose(
        self, step: BlockMotion, before: Mapping[int, NDArray[np.int16] | None], wanted: bool
    ) -> tuple[NDArray[np.int16], Motion | None]:
        """Add a step to the fields of the frames that it leads to."""
        pairs = np.empty((*self.size, 2), np.int16)
        motion = self._blank() if wanted else None
        field, intra = np.ascontiguousarray(step.quarter_pixels), np.ascontiguousarray(step.intra)
        references = step.references
        table = (ctypes.c_void_p * 256)()
        for reference, other in before.items():
            if other is not None:
                table[reference % 256] = pointer(other, np.int16, pairs.shape).value
        self._kernels.push_motion(
            pointer(field, np.int16),
            pointer(intra, np.bool_),
            None if references is None else pointer(references, np.int8, intra.shape),
            table,
            pointer(pairs, np.int16, written=True),
            *self.size,
            self.rounds,
            *((None, None) if motion is None else _pointers(motion)),
        )
        return pairs, motion

    def motion(self, field: NDArray[np.int16] | None) -> Motion:
        """The motion of a field."""
        if field is None:
            return Motion.zero(*self.size)
        motion, (height, width) = self._blank(), self.size
        self._kernels.to_pixels(pointer(field, np.int16), *_pointers(motion), height * width)
        return motion

    def _blank(self) -> Motion:
        """Memory for a motion."""
        return Motion(np.empty((2, *self.size), np.float32), np.empty(self.size, np.bool_))


def relative_motion(frame: Motion, keyframe: Motion) -> Motion:
    """The motion of a frame to a keyframe, both of whose motion leads to one other frame.

    A pixel p of the frame is where q of the keyframe is if both were at one position:
    ``p + frame(p) = q + keyframe(q)``. That is solved for q by putting it in again.
    """
    height, width = frame.size
    kernels = load("motion")
    if kernels is not None:
        found = Motion.zero(height, width)
        motions = (*_pointers(frame), *_pointers(keyframe), *_pointers(found))
        kernels.relate_motion(*motions, height, width)
        return found
    start = np.stack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    goal = start + frame.xy
    xy, limits = goal, np.array([width, height]).reshape(2, 1, 1) - 1
    for _ in range(_ROUNDS):
        x, y = np.floor(xy + 0.5).astype(np.intp).clip(0, limits)
        xy = goal - keyframe.xy[:, y, x]
    x, y = np.floor(xy + 0.5).astype(np.intp).clip(0, limits)
    return Motion(xy - start, frame.valid & keyframe.valid[y, x])


def _pointers(motion: Motion) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
    return (
        pointer(motion.xy, np.float32, written=True),
        pointer(motion.valid, np.bool_, written=True),
    )
