"""The arithmetic of a motion chain: by NumPy, and by native kernels with equal results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

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
    """Adds up motion along frames; a field is whatever it keeps of a frame, None the keyframe."""

    def compose(
        self, step: BlockMotion, before: Mapping[int, Any], wanted: bool
    ) -> tuple[Any, Motion | None]:
        """Add a step to the fields of the frames that it leads to.

        Args:
            step: The step.
            before: Their fields, by reference.
            wanted: Whether the motion is asked for too, which saves reading the field again.
        """

    def motion(self, field: Any) -> Motion:
        """The motion of a field."""


class _Pixels(NamedTuple):
    """The motion of each pixel to the keyframe, x and y in quarter pixels, int32 (H, W)."""

    x: NDArray[np.int32]
    y: NDArray[np.int32]
    valid: NDArray[np.bool_]


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

    def compose(
        self, step: BlockMotion, before: Mapping[int, _Pixels | None], wanted: bool
    ) -> tuple[_Pixels, Motion | None]:
        """Add a step to the fields of the frames that it leads to."""
        height, width = self.size
        fields = self._at_precision(step)
        x = (self._x + self._to_pixels(fields[0])).clip(0, 4 * (width - 1))
        y = (self._y + self._to_pixels(fields[1])).clip(0, 4 * (height - 1))
        place = ((y + 2) >> 2) * width + ((x + 2) >> 2)
        found = _Pixels(x - self._x, y - self._y, ~self._to_pixels(step.intra))
        for reference, field in before.items():
            if field is None:
                continue
            here = ...
            if step.references is not None:
                here = self._to_pixels(step.references) == reference
            at = place[here]
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
        self.size = size
        self.rounds = rounds
        self._kernels = kernels
        self._buffers = Buffers(kept=16)

    @staticmethod
    def max_steps(size: tuple[int, int]) -> int:
        """How many steps are sure to fit; none for pictures that are too large.

        A way stays inside the picture but for half a pixel, two quarters, at each look-up. Motion
        is kept in quarter pixels, and takes one bit more for y.
        """
        height, width = size
        return (_MAX_PAIR - max(8 * height, 4 * width)) // 4

    def compose(
        self, step: BlockMotion, before: Mapping[int, NDArray[np.int16] | None], wanted: bool
    ) -> tuple[NDArray[np.int16], Motion | None]:
        """Add a step to the fields of the frames that it leads to."""
        pairs = self._buffers.take((*self.size, 2), np.int16)
        motion = self._blank() if wanted else None
        self._kernels.push(step, before, pairs, self.rounds, motion)
        return pairs, motion

    def motion(self, field: NDArray[np.int16] | None) -> Motion:
        """The motion of a field."""
        if field is None:
            return Motion.zero(*self.size)
        motion = self._blank()
        self._kernels.to_pixels(field, motion)
        return motion

    def to_numpy(self, field: NDArray[np.int16] | None) -> _Pixels | None:
        """The same field, to go on with where 16 bits might not do."""
        if field is None:
            return None
        x, y = np.moveaxis(field.astype(np.int32), -1, 0)
        return _Pixels(x, y >> 1, (y & 1) == 0)

    def _blank(self) -> Motion:
        """Memory for a motion."""
        xy = self._buffers.take((2, *self.size), np.float32)
        return Motion(xy, self._buffers.take(self.size, np.bool_))
