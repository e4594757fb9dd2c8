"""The arithmetic of a motion chain: by native kernels, or by NumPy with equal results."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.native import load, pointer
from arseg_lightning.types import BLOCK_SIZE, Motion, size_text
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.motion import BlockMotion

__all__ = ["Composition", "relative_motion"]

_SPARE_PIXELS = 1000
"""A path stays inside the frame but for the rounding of its look-ups, at most half a pixel a step.
That evens out: two thousand steps that all round to one side are left room for."""

_ROUNDS = 3
"""Where the field changes by 0.1 from pixel to pixel, a thousandth of it is missing after these."""


class Composition:
    """Adds up motion along frames.

    A field is int16 of shape (H, W, 2): x in quarter pixels, then twice y, plus 1 where it is not
    valid.

    Args:
        size: Height and width of the frames.
        rounds: Whether steps are rounded to whole pixels.

    Raises:
        VideoError: If the frames are too large for 16 bits.
    """

    def __init__(self, size: tuple[int, int], rounds: bool) -> None:
        if max(8 * size[0], 4 * size[1]) + 4 * _SPARE_PIXELS > np.iinfo(np.int16).max:
            raise VideoError(
                f"motion is composed in frames of at most 3595x7191 (height x width), got "
                f"{size_text(size)}; scale the video: python -m arseg_lightning encode --size"
            )
        self.size = size
        self.rounds = rounds
        self._kernels = load("motion")

    def compose(
        self, step: BlockMotion, before: Mapping[int, NDArray[np.int16] | None]
    ) -> NDArray[np.int16]:
        """Add a step to the fields, by reference, of what it leads to (None is the keyframe)."""
        if self._kernels is None:
            return self._compose(step, before)
        pairs = np.empty((*self.size, 2), np.int16)
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
        )
        return pairs

    def _compose(
        self, step: BlockMotion, before: Mapping[int, NDArray[np.int16] | None]
    ) -> NDArray[np.int16]:
        """The same without kernels."""
        height, width = self.size
        cells = step.quarter_pixels.astype(np.int32)
        if self.rounds:
            cells[:, step.intra] = 0
            cells = 4 * np.rint(cells / 4).astype(np.int32)
        every_x, every_y = np.arange(0, 4 * width, 4), np.arange(0, 4 * height, 4)[:, None]
        x, y = cells.repeat(BLOCK_SIZE, 1).repeat(BLOCK_SIZE, 2)[:, :height, :width]
        x = (every_x + x).clip(0, 4 * (width - 1))
        y = (every_y + y).clip(0, 4 * (height - 1))
        nearest = ((y + 2) >> 2) * width + ((x + 2) >> 2)
        pairs = np.stack([x - every_x, 2 * (y - every_y)], -1).astype(np.int16)
        for reference, field in before.items():
            if field is None:
                continue
            references = step.references
            leads = np.True_ if references is None else self._to_pixels(references == reference)
            here = np.broadcast_to(leads, self.size)
            pairs[here] += field.reshape(-1, 2)[nearest[here]]
        pairs[..., 1] |= self._to_pixels(step.intra)
        return pairs

    def _to_pixels(self, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Repeat each cell over its 4x4 pixels."""
        height, width = self.size
        return cells.repeat(BLOCK_SIZE, 0).repeat(BLOCK_SIZE, 1)[:height, :width]

    def motion(self, field: NDArray[np.int16] | None) -> Motion:
        """The motion of a field."""
        if field is None:
            return Motion.zero(*self.size)
        if self._kernels is None:
            x, y = field[..., 0], field[..., 1]
            xy = np.stack([x, y >> 1]).astype(np.float32) * np.float32(0.25)
            return Motion(xy, y & 1 == 0)
        height, width = self.size
        motion = Motion(np.empty((2, height, width), np.float32), np.empty(self.size, np.bool_))
        self._kernels.to_pixels(pointer(field, np.int16), *_pointers(motion), height * width)
        return motion


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
