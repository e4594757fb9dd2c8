"""Composes the motion of consecutive frames into the motion to a keyframe."""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.motion import BlockMotion

__all__ = ["Chaining", "MotionChain"]

Chaining = Literal["subpixel", "integer", "none"]

ScalarT = TypeVar("ScalarT", bound=np.generic)


class MotionChain:
    """Follows a stream from a keyframe on, one step a frame.

    ``to_key_t(p) = to_previous_t(p) + to_key_{t-1}(p + to_previous_t(p))``, and the earlier
    displacement is looked up at the nearest pixel. Every step is held inside the picture.

    Args:
        size: Height and width of the pictures.
        chaining: ``subpixel`` adds up exact quarter pixels; ``integer`` rounds each step to whole
            pixels (halves to even) and lets intra-coded blocks rest, as the paper's code does;
            ``none`` is zero motion to whatever keyframe.

    Source: Hu et al., CVPR 2023, section 3.1, and the authors' preprocessing (``integer``).
    Differs: ``subpixel`` keeps what the codec's vectors know beyond whole pixels.
    """

    def __init__(self, size: tuple[int, int], chaining: Chaining = "subpixel") -> None:
        height, width = size
        self.size = size
        self.chaining: Chaining = chaining
        self._y = np.arange(0, 4 * height, 4, dtype=np.int32)[:, None]
        self._x = np.arange(0, 4 * width, 4, dtype=np.int32)
        self.restart()

    def restart(self) -> None:
        """Make the next frame's predecessor the keyframe."""
        self._to_key: list[NDArray[np.int32]] = [np.zeros(self.size, np.int32) for _ in range(2)]
        self._valid = np.ones(self.size, np.bool_)

    def push(self, block_motion: BlockMotion) -> None:
        """Go on by one frame.

        Args:
            block_motion: The frame's motion to the frame before it.
        """
        if self.chaining == "none":
            return
        height, width = self.size
        fields = self._steps(block_motion)
        x = (self._x + self._to_pixels(fields[0])).clip(0, 4 * (width - 1))
        y = (self._y + self._to_pixels(fields[1])).clip(0, 4 * (height - 1))
        place = ((y + 2) >> 2) * width + ((x + 2) >> 2)
        self._to_key[0] = x - self._x + self._to_key[0].take(place)
        self._to_key[1] = y - self._y + self._to_key[1].take(place)
        self._valid = self._valid.take(place) & ~self._to_pixels(block_motion.intra)

    def motion(self) -> Motion:
        """The motion of the last pushed frame to the keyframe."""
        xy: NDArray[np.float32] = np.stack(self._to_key).astype(np.float32) * np.float32(0.25)
        return Motion(xy, self._valid.copy())

    def _steps(self, block_motion: BlockMotion) -> NDArray[np.int32]:
        """The cells' displacements at the chain's precision, in quarter pixels."""
        quarters = block_motion.quarter_pixels.astype(np.int32)
        if self.chaining == "subpixel":
            return quarters
        quarters[:, block_motion.intra] = 0
        return 4 * np.rint(quarters / 4).astype(np.int32)

    def _to_pixels(self, cells: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """Repeat each cell over its 4x4 pixels."""
        height, width = self.size
        return cells.repeat(BLOCK_SIZE, 0).repeat(BLOCK_SIZE, 1)[:height, :width]
