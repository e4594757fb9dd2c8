"""Follows the motion of a stream: to the frame before, and to the last keyframe."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.chain import Chaining, MotionChain
from arseg_lightning.video.live.frame import StreamedFrame
from arseg_lightning.video.motion import BlockMotion

__all__ = ["MotionTrack"]


class MotionTrack:
    """The motion of a stream, composed as far as anyone asks.

    Args:
        wanted: Where the fields of :meth:`field` lead; None gives none.
        composes: Whether anyone asks for motion to the keyframe, the method or its clock.
        chaining: How motion is composed.
    """

    def __init__(
        self,
        wanted: Literal["keyframe", "previous"] | None,
        composes: bool,
        chaining: Chaining,
    ) -> None:
        self.wanted = wanted
        self.composes = composes
        self.chaining: Chaining = chaining
        self._chain: MotionChain | None = None
        self._single: MotionChain | None = None
        self._streamed: StreamedFrame | None = None
        self._pending: BlockMotion | None = None
        self._restarts = True

    @property
    def intra_share(self) -> float:
        """Share of the current frame's area that the codec did not predict."""
        if self._streamed is None or self._streamed.step is None:
            return 1.0
        intra = self._streamed.step.intra
        return np.count_nonzero(intra) / intra.size

    def take(self, streamed: StreamedFrame, restarts: bool) -> None:
        """Move on to the next frame."""
        self.compose_pending()
        self._streamed, self._restarts = streamed, restarts
        if self.composes and not restarts and streamed.to_keyframe is None:
            self._pending = _in_place(streamed)

    def restart(self) -> None:
        """Make the current frame the keyframe."""
        self._pending = None
        if self._chain is not None:
            self._chain.restart()

    def to_keyframe(self) -> Motion:
        """The current frame's motion to the last keyframe."""
        streamed = self._current()
        if streamed.to_keyframe is not None:
            return streamed.to_keyframe
        self.compose_pending()
        if self._chain is None or self._restarts:
            return Motion.zero(*streamed.frame.size)
        return self._chain.motion()

    def field(
        self, is_keyframe: bool, device: torch.device
    ) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """The motion that a step is given, and where it is valid: (1, 2, H, W), (1, 1, H, W)."""
        if self.wanted is None:
            return None, None
        size = self._current().frame.size
        if self._restarts or (is_keyframe and self.wanted == "keyframe"):
            zero, one = torch.zeros((), device=device), torch.ones((), device=device).bool()
            return zero.expand(1, 2, *size), one.expand(1, 1, *size)
        motion = self.to_keyframe() if self.wanted == "keyframe" else self._to_previous()
        xy, valid = torch.from_numpy(motion.xy)[None], torch.from_numpy(motion.valid)[None, None]
        return xy.to(device), valid.to(device)

    def compose_pending(self) -> None:
        """Add the current frame's step to the motion to the keyframe, unless that is done."""
        step, self._pending = self._pending, None
        if step is None:
            return
        if self._chain is None:
            self._chain = MotionChain(self._current().frame.size, self.chaining)
            self._chain.restart()
        self._chain.push(step)

    def _to_previous(self) -> Motion:
        streamed = self._current()
        if self._single is None:
            self._single = MotionChain(streamed.frame.size, self.chaining)
        self._single.restart()
        self._single.push(_in_place(streamed))
        return self._single.motion()

    def _current(self) -> StreamedFrame:
        if self._streamed is None:
            raise ValueError("no frame has been taken yet")
        return self._streamed


def _in_place(streamed: StreamedFrame) -> BlockMotion:
    """The motion to the frame before; nothing where none is known, as at an I-frame."""
    if streamed.step is not None:
        return streamed.step
    cells = tuple(-(-side // BLOCK_SIZE) for side in streamed.frame.size)
    return BlockMotion(np.zeros((2, *cells), np.int16), np.ones(cells, np.bool_))
