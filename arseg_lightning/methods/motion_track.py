"""Motion of a stream: to the frame before, and to the last keyframe."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.types import Motion
from arseg_lightning.video.chain import Chaining, MotionChain
from arseg_lightning.video.live.frame import SourceFrame
from arseg_lightning.video.motion import BlockMotion

__all__ = ["MotionTrack", "motion_tensors", "residual"]


class MotionTrack:
    """The motion of a stream since its last start, composed only when asked for.

    Args:
        first: The frame that starts it.
        wanted: Where the motion leads that :meth:`field` gives: to the keyframe or to the frame
            before; None if it gives none.
        composes: Whether anyone asks for motion to the keyframe.
        chaining: How motion is composed.
        lookahead: Whether anyone asks for the motion of keyframes to the frames before them.
    """

    def __init__(
        self,
        first: SourceFrame,
        wanted: Literal["keyframe", "previous"] | None,
        composes: bool,
        chaining: Chaining,
        lookahead: bool = False,
    ) -> None:
        self.wanted, self.composes, self.lookahead = wanted, composes, lookahead
        self._current, self._is_first = first, True
        self._before: NDArray[np.uint8] | None = None  # the image before the current one
        self._step_motion: Motion | None = None
        self._index = first.frame.index
        size = first.frame.size
        self._to_key, self._to_last = (MotionChain(size, chaining, self._index) for _ in range(2))
        # The last keyframe and the frames since, still there when the next one is chosen.
        self._shown, self._since = [self._index], list[BlockMotion]()
        self._to_between = MotionChain(size, chaining, self._index)

    @property
    def intra_share(self) -> float:
        """Share of the current frame's area that the codec did not predict."""
        if self._current.step is None:
            return 1.0
        intra = self._current.step.intra
        return np.count_nonzero(intra) / intra.size

    def take(self, streamed: SourceFrame) -> None:
        """Move on to the next frame."""
        if self.wanted == "previous":
            self._before, self._step_motion = self._current.frame.image, None
        self._current, self._is_first = streamed, False
        step = streamed.step
        if step is None:  # as at an I-frame, which leads nowhere
            index = max(self._index + 1, streamed.frame.index)
            step = BlockMotion.unknown(streamed.frame.size, index)
        last, self._index = self._index, self._index + 1 if step.frame is None else step.frame
        step = replace(step, frame=self._index)
        if self.composes:
            self._to_key.push(step)
        if self.lookahead and self.wanted is not None:
            self._shown.append(self._index)
            self._since.append(step)
        if self.wanted == "previous":
            self._to_last.restart(last, step)
            self._to_last.push(step)

    def restart(self) -> None:
        """Make the current frame the keyframe."""
        self._to_key.restart(self._index)

    def to_keyframe(self) -> Motion:
        """The current frame's motion to the last keyframe."""
        return self._to_key.motion(self._index)

    def to_previous(self) -> Motion:
        """The current frame's motion to the frame before."""
        if self._step_motion is None:
            self._step_motion = self._to_last.motion(self._index)
        return self._step_motion

    def later_field(
        self, position: int, device: torch.device
    ) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """The motion of the current frame to one since the last keyframe; see :meth:`field`.

        Args:
            position: Which one, from 1; 0 stands for the current frame itself.
            device: Where the tensors are wanted.
        """
        if self.wanted is None:
            return None, None
        if position == 0:
            return _no_motion(self._current.frame.size, device)
        chain, frames, steps = self._to_between, self._shown, self._since
        # Vectors of B-frames lead to anchors: the chain starts at the last one up to the frame.
        anchors = [0, *(i for i in range(1, position + 1) if steps[i - 1].kind == "anchor")]
        chain.reset(frames[anchors[-1]])
        for step in steps[anchors[-1] : position]:
            chain.push(step)
        chain.restart(frames[position])
        for step in steps[position:]:
            chain.push(step)
        return motion_tensors(chain.motion(self._index), device)

    def end_interval(self) -> None:
        """Make the current frame the last keyframe for :meth:`later_field`."""
        self._shown, self._since = [self._index], []

    def residual(self) -> NDArray[np.int16]:
        """The current image's :func:`residual` against the one before.

        Raises:
            ValueError: If the method does not need motion to the frame before.
        """
        if self.wanted != "previous":
            raise ValueError("residuals are against the frame before; set needs.motion to previous")
        image = self._current.frame.image
        before = image if self._before is None else self._before
        return residual(image, before, self.to_previous())

    def field(
        self, is_keyframe: bool, device: torch.device
    ) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """The motion that a step is given, and where it is valid: (1, 2, H, W), (1, 1, H, W)."""
        if self.wanted is None:
            return None, None
        size = self._current.frame.size
        if self._is_first or (is_keyframe and self.wanted == "keyframe"):
            return _no_motion(size, device)
        motion = self.to_keyframe() if self.wanted == "keyframe" else self.to_previous()
        return motion_tensors(motion, device)


def _no_motion(size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """The motion of a frame to itself: (1, 2, H, W), (1, 1, H, W)."""
    zero, one = torch.zeros((), device=device), torch.ones((), device=device).bool()
    return zero.expand(1, 2, *size), one.expand(1, 1, *size)


def motion_tensors(motion: Motion, device: torch.device) -> tuple[Tensor, Tensor]:
    """A motion as steps are given it: (1, 2, H, W), and where it is valid, (1, 1, H, W)."""
    xy, valid = torch.from_numpy(motion.xy)[None], torch.from_numpy(motion.valid)[None, None]
    return xy.to(device), valid.to(device)


def residual(
    image: NDArray[np.uint8], previous: NDArray[np.uint8], motion: Motion
) -> NDArray[np.int16]:
    """An image minus its prediction: the one before it, moved by whole pixels.

    Shapes:
        image, previous: (H, W, 3)   returns: (H, W, 3)
    """
    height, width, _ = image.shape
    x, y = np.rint(motion.xy).astype(np.int32)  # (H, W) each
    column = (x + np.arange(width, dtype=np.int32)).clip(0, width - 1)
    row = (y + np.arange(height, dtype=np.int32)[:, None]).clip(0, height - 1)
    predicted = previous.reshape(-1, 3).take(row * width + column, axis=0)
    difference: NDArray[np.int16] = image.astype(np.int16) - predicted
    return difference
