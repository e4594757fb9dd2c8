"""Composes the motion of consecutive frames into the motion to a keyframe."""

from __future__ import annotations

from typing import Literal

from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.composition import Composition, NativeComposition, NumpyComposition
from arseg_lightning.video.kernels import motion_kernels
from arseg_lightning.video.motion import BlockMotion

__all__ = ["Chaining", "MotionChain"]

Chaining = Literal["subpixel", "integer", "none"]


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
        self.size = size
        self.chaining: Chaining = chaining
        self._rounds = chaining == "integer"
        self._num_steps = 0
        self._native = self._make_native()
        self._composition: Composition = self._native or NumpyComposition(size, self._rounds)

    def restart(self) -> None:
        """Make the next frame's predecessor the keyframe."""
        self._num_steps = 0
        self._composition = self._native or self._composition
        self._composition.restart()

    def push(self, block_motion: BlockMotion) -> None:
        """Go on by one frame.

        Args:
            block_motion: The frame's motion to the frame before it; it must not change until the
                next call of any kind.

        Raises:
            ValueError: If it does not fit the size of the pictures.
        """
        grid = tuple(-(-side // BLOCK_SIZE) for side in self.size)
        if block_motion.intra.shape != grid:
            raise ValueError(
                f"block motion of {block_motion.intra.shape} cells does not fit pictures of "
                f"{self.size}, which have {grid}; make a chain for each size of picture"
            )
        if self.chaining == "none":
            return
        self._num_steps += 1
        if self._native is not None and self._num_steps == self._native.max_steps(self.size) + 1:
            self._composition = self._native.to_numpy()
        self._composition.push(block_motion)

    def motion(self) -> Motion:
        """The motion of the last pushed frame to the keyframe."""
        return self._composition.motion()

    def _make_native(self) -> NativeComposition | None:
        kernels = motion_kernels()
        if kernels is None or NativeComposition.max_steps(self.size) < 1:
            return None
        return NativeComposition(self.size, self._rounds, kernels)
