"""Follows the motion of a stream: to the frame before, and to the last keyframe."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from arseg_lightning.methods.method import VideoMethod
from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.chain import Chaining, MotionChain
from arseg_lightning.video.live.frame import StreamedFrame
from arseg_lightning.video.motion import BlockMotion

__all__ = ["MotionTrack"]


class MotionTrack:
    """The motion of a stream since its last start, composed as far as anyone asks.

    Args:
        first: The frame that starts it.
        method: What the motion is for.
        chaining: How motion is composed.
    """

    def __init__(self, first: StreamedFrame, method: VideoMethod, chaining: Chaining) -> None:
        self.wanted = method.needs.motion
        self.composes = method.composes_motion
        self.chaining: Chaining = chaining
        self._current, self._is_first = first, True
        self._chain: MotionChain | None = None
        self._single: MotionChain | None = None
        self._pending: BlockMotion | None = None

    @property
    def intra_share(self) -> float:
        """Share of the current frame's area that the codec did not predict."""
        if self._current.step is None:
            return 1.0
        intra = self._current.step.intra
        return np.count_nonzero(intra) / intra.size

    def take(self, streamed: StreamedFrame) -> None:
        """Move on to the next frame."""
        self._compose_pending()
        self._current, self._is_first = streamed, False
        if self.composes and streamed.to_keyframe is None:
            self._pending = _to_previous(streamed)

    def restart(self) -> None:
        """Make the current frame the keyframe."""
        self._pending = None  # nobody asks for a keyframe's motion to the one before
        if self._chain is not None:
            self._chain.restart()

    def to_keyframe(self) -> Motion:
        """The current frame's motion to the last keyframe."""
        if self._current.to_keyframe is not None:
            return self._current.to_keyframe
        self._compose_pending()
        if self._chain is None:
            return Motion.zero(*self._current.frame.size)
        return self._chain.motion()

    def field(
        self, is_keyframe: bool, device: torch.device
    ) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """The motion that a step is given, and where it is valid: (1, 2, H, W), (1, 1, H, W)."""
        if self.wanted is None:
            return None, None
        size = self._current.frame.size
        if self._is_first or (is_keyframe and self.wanted == "keyframe"):
            zero, one = torch.zeros((), device=device), torch.ones((), device=device).bool()
            return zero.expand(1, 2, *size), one.expand(1, 1, *size)
        if self.wanted == "keyframe":
            motion = self.to_keyframe()
        else:
            self._single = self._single or MotionChain(size, self.chaining)
            self._single.restart()
            self._single.push(_to_previous(self._current))
            motion = self._single.motion()
        xy, valid = torch.from_numpy(motion.xy)[None], torch.from_numpy(motion.valid)[None, None]
        return xy.to(device), valid.to(device)

    def _compose_pending(self) -> None:
        """Add the current frame's step to the motion to the keyframe, unless that is done."""
        step, self._pending = self._pending, None
        if step is None:
            return
        if self._chain is None:
            self._chain = MotionChain(self._current.frame.size, self.chaining)
            self._chain.restart()
        self._chain.push(step)


def _to_previous(streamed: StreamedFrame) -> BlockMotion:
    """The motion to the frame before; none where it is not known, as at an I-frame."""
    if streamed.step is not None:
        return streamed.step
    cells = tuple(-(-side // BLOCK_SIZE) for side in streamed.frame.size)
    return BlockMotion(np.zeros((2, *cells), np.int16), np.ones(cells, np.bool_))
