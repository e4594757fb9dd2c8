"""The arithmetic of a motion chain: by NumPy, and by native kernels with equal results."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.buffers import Buffers
from arseg_lightning.video.kernels import MotionKernels
from arseg_lightning.video.motion import BlockMotion

__all__ = ["Composition", "NativeComposition", "NumpyComposition"]

ScalarT = TypeVar("ScalarT", bound=np.generic)

_MAX_PAIR = np.iinfo(np.int16).max


class Composition(Protocol):
    """The motion of each pixel to a keyframe, step by step."""

    def restart(self) -> None:
        """Go back to no motion."""

    def push(self, step: BlockMotion) -> None:
        """Go on by one frame."""

    def motion(self) -> Motion:
        """The motion so far, as a copy."""


class NumpyComposition:
    """Pictures of any size, chains of any length.

    Args:
        size: Height and width of the pictures.
        rounds: Whether steps are rounded to whole pixels.
    """

    def __init__(self, size: tuple[int, int], rounds: bool) -> None:
        height, width = size
        self.size = size
        self.rounds = rounds
        self._y = np.arange(0, 4 * height, 4, dtype=np.int32)[:, None]
        self._x = np.arange(0, 4 * width, 4, dtype=np.int32)
        self.restart()

    def restart(self) -> None:
        """Go back to no motion."""
        self.set([np.zeros(self.size, np.int32) for _ in range(2)], np.ones(self.size, np.bool_))

    def set(self, to_key: list[NDArray[np.int32]], valid: NDArray[np.bool_]) -> None:
        """Go on from a motion, x and y in quarter pixels."""
        self._to_key, self._valid = to_key, valid

    def push(self, step: BlockMotion) -> None:
        """Go on by one frame."""
        height, width = self.size
        fields = self._at_precision(step)
        x = (self._x + self._to_pixels(fields[0])).clip(0, 4 * (width - 1))
        y = (self._y + self._to_pixels(fields[1])).clip(0, 4 * (height - 1))
        place = ((y + 2) >> 2) * width + ((x + 2) >> 2)
        to_key = [
            x - self._x + self._to_key[0].take(place),
            y - self._y + self._to_key[1].take(place),
        ]
        self.set(to_key, self._valid.take(place) & ~self._to_pixels(step.intra))

    def motion(self) -> Motion:
        """The motion so far, as a copy."""
        xy: NDArray[np.float32] = np.stack(self._to_key).astype(np.float32) * np.float32(0.25)
        return Motion(xy, self._valid.copy())

    def _at_precision(self, step: BlockMotion) -> NDArray[np.int32]:
        """The cells' displacements at the chain's precision, in quarter pixels."""
        quarters = step.quarter_pixels.astype(np.int32)
        if not self.rounds:
            return quarters
        quarters[:, step.intra] = 0
        return 4 * np.rint(quarters / 4).astype(np.int32)

    def _to_pixels(self, cells: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """Repeat each cell over its 4x4 pixels."""
        height, width = self.size
        return cells.repeat(BLOCK_SIZE, 0).repeat(BLOCK_SIZE, 1)[:height, :width]


class NativeComposition:
    """Pictures and chains whose motion is sure to fit into 16 bits; many times as fast.

    Args:
        size: Height and width of the pictures.
        rounds: Whether steps are rounded to whole pixels.
        kernels: The compiled kernels.
    """

    def __init__(self, size: tuple[int, int], rounds: bool, kernels: MotionKernels) -> None:
        self.rounds = rounds
        self._kernels = kernels
        self._buffers = Buffers(kept=6)
        # Written in turns.
        self._pairs, self._spare = (self._buffers.take((*size, 2), np.int16) for _ in range(2))
        self.restart()

    @staticmethod
    def max_steps(size: tuple[int, int]) -> int:
        """How many steps are sure to fit; none for pictures that are too large.

        A way stays inside the picture but for half a pixel, two quarters, at each look-up. Motion
        is kept in quarter pixels, and takes one bit more for y.
        """
        height, width = size
        return (_MAX_PAIR - max(8 * height, 4 * width)) // 4

    def restart(self) -> None:
        """Go back to no motion."""
        self._is_key = True
        self._waiting: BlockMotion | None = None

    def push(self, step: BlockMotion) -> None:
        """Go on by one frame: with the next one, or when the motion is asked for."""
        self._catch_up()
        self._waiting = step

    def motion(self) -> Motion:
        """The motion so far, as a copy."""
        height, width, _ = self._pairs.shape
        if self._is_key and self._waiting is None:
            return Motion.zero(height, width)
        xy = self._buffers.take((2, height, width), np.float32)
        motion = Motion(xy, self._buffers.take((height, width), np.bool_))
        if self._waiting is None:
            self._kernels.to_pixels(self._pairs, motion)
        else:
            self._catch_up(motion)
        return motion

    def _catch_up(self, motion: Motion | None = None) -> None:
        """Do the step that waits; it may give the motion too, which saves reading it again."""
        step, self._waiting = self._waiting, None
        if step is None:
            return
        field, intra = np.ascontiguousarray(step.quarter_pixels), np.ascontiguousarray(step.intra)
        before = None if self._is_key else self._pairs
        self._kernels.push(field, intra, before, self._spare, self.rounds, motion)
        self._pairs, self._spare = self._spare, self._pairs
        self._is_key = False

    def to_numpy(self) -> NumpyComposition:
        """The same motion, to go on with where 16 bits might not do."""
        self._catch_up()
        numpy = NumpyComposition((self._pairs.shape[0], self._pairs.shape[1]), self.rounds)
        x, y = np.moveaxis(self._pairs.astype(np.int32), -1, 0)
        numpy.set([x, y >> 1], (y & 1) == 0)
        return numpy
