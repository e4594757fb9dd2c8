"""One stream: frames are pushed one at a time, and what a keyframe leaves behind is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.streaming.policy import KeyframePolicy, Situation
from arseg_lightning.streaming.result import StreamResult
from arseg_lightning.streaming.stopwatch import Stopwatch
from arseg_lightning.systems import Prediction, StreamFrame
from arseg_lightning.types import BLOCK_SIZE, Frame, Motion, size_text
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.live import StreamedFrame
from arseg_lightning.video.motion import BlockMotion

if TYPE_CHECKING:
    from arseg_lightning.streaming.segmenter import Segmenter

__all__ = ["Session", "TakenFrame"]


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A frame on its way through a session.

    Args:
        frame: The frame.
        given: What the system is given.
        reason: Why it is a keyframe; None if it is not.
        watch: Times its stages.
    """

    frame: Frame
    given: StreamFrame
    reason: str | None
    watch: Stopwatch


class Session:
    """The state of one stream: motion to the last keyframe, and what that keyframe left behind.

    Several sessions of a segmenter share its networks and nothing else. Memory does not grow.

    Args:
        segmenter: Whose networks are used.
        policy: Which frames become keyframes.
    """

    def __init__(self, segmenter: Segmenter, policy: KeyframePolicy) -> None:
        self.segmenter = segmenter
        self.policy = policy
        self.reset()

    def reset(self) -> None:
        """Forget the stream; the next frame is the first of another."""
        self._chain: MotionChain | None = None
        self._distance = 0
        self._state: Any = None

    def push(self, streamed: StreamedFrame, wait_ms: float = 0.0) -> StreamResult:
        """Segment the next frame.

        A frame that restarts its stream, has another size than the one before or comes without
        motion becomes a keyframe; for the others the policy decides.

        Args:
            streamed: The frame, and its motion to the one pushed before it.
            wait_ms: How long it was waited for, for the figures.
        """
        return self.segment([self.take(streamed, wait_ms)])[0]

    @torch.inference_mode()
    def take(self, streamed: StreamedFrame, wait_ms: float = 0.0) -> TakenFrame:
        """Decide what becomes of the next frame, and prepare it: the first half of a push.

        Args:
            streamed: See :meth:`push`.
            wait_ms: See :meth:`push`.
        """
        watch = Stopwatch(self.segmenter.device, {"wait": wait_ms})
        image = self.segmenter.image(streamed.frame.image)
        watch.lap("image")
        reason, motion = self._decide(streamed)
        field = self._to_keyframe(streamed.frame.size, motion)
        watch.lap("motion")
        return TakenFrame(streamed.frame, StreamFrame(image, field, self._distance), reason, watch)

    @torch.inference_mode()
    def segment(self, taken: Sequence[TakenFrame]) -> list[StreamResult]:
        """Segment taken frames at once, in the order in which they were taken.

        Args:
            taken: A keyframe alone, or others that refer to the last keyframe segmented.
        """
        for each in taken:
            each.watch.lap("queue")
        first = taken[0].given
        images, motion = ([getattr(t.given, name) for t in taken] for name in ("image", "motion"))
        frame = first
        if len(taken) > 1:
            frame = StreamFrame(torch.cat(images), torch.cat(motion), first.distance)
        prediction, self._state = self._step(frame)
        for each in taken:
            each.watch.lap("network")
        labels = prediction.labels.cpu().numpy()
        return [_result(each, prediction, place, labels[place]) for place, each in enumerate(taken)]

    def _step(self, frame: StreamFrame) -> tuple[Prediction, Any]:
        """One step of the system; a batch refers to one keyframe and leaves its feature."""
        state, number = self._state, len(frame.image)
        if number == 1 or not isinstance(state, Tensor):
            return self.segmenter.system.step(frame, state)
        batch = state.expand(number, *state.shape[1:])
        return self.segmenter.system.step(frame, batch)[0], state

    def _decide(self, streamed: StreamedFrame) -> tuple[str | None, Motion | None]:
        """Why the frame becomes a keyframe, or its motion to the last one."""
        reason = self._must(streamed)
        situation = None
        if reason is None:
            streamed = _in_place(streamed)
            situation = Situation(streamed, self._distance + 1, lambda: self._go_on(streamed))
            reason = self.policy.reason(situation)
        if reason is None and situation is not None:
            self._distance += 1
            return None, situation.motion
        self._start(streamed.frame.size)
        return reason, None

    def _must(self, streamed: StreamedFrame) -> str | None:
        """Why nothing before the frame can be referred to."""
        if streamed.restart is not None:
            return streamed.restart
        if self._chain is None:
            return "start"
        before, now = self._chain.size, streamed.frame.size
        if before != now:
            return f"size changed from {size_text(before)} to {size_text(now)}"
        if streamed.step is None and streamed.frame.picture_type != "I":
            return "no motion"
        return None

    def _start(self, size: tuple[int, int]) -> None:
        """Make the frame a keyframe."""
        self._distance = 0
        if self._chain is None or self._chain.size != size:
            self._chain = MotionChain(size, self.segmenter.chaining)
        self._chain.restart()

    def _go_on(self, streamed: StreamedFrame) -> Motion:
        """Compose the motion to the last keyframe."""
        if self._chain is None or streamed.step is None:
            raise ValueError(f"no motion leads to frame {streamed.frame.index}")
        if not self.segmenter.uses_motion:
            return Motion.zero(*self._chain.size)
        self._chain.push(streamed.step)
        return self._chain.motion()

    def _to_keyframe(self, size: tuple[int, int], motion: Motion | None) -> Tensor:
        """Motion as a system takes it, (1, 2, H, W)."""
        device = self.segmenter.device
        if motion is None:
            return torch.zeros((), device=device).expand(1, 2, *size)
        return torch.from_numpy(motion.xy)[None].to(device)


def _result(
    taken: TakenFrame, prediction: Prediction, place: int, labels: NDArray[np.uint8]
) -> StreamResult:
    """The result of one frame of a batch."""
    taken.watch.lap("labels")
    own = prediction
    if len(prediction.scores) > 1:
        own = Prediction(
            prediction.scores[place : place + 1],
            prediction.size,
            prediction.align_corners,
            prediction.role,
            prediction.resolution_ratio,
            taken.given.distance,
        )
    latency = taken.watch.total_ms
    return StreamResult(taken.frame, labels, own, taken.reason, latency, taken.watch.laps)


def _in_place(streamed: StreamedFrame) -> StreamedFrame:
    """Give an I-frame that need not be a keyframe what is known of its motion: nothing."""
    if streamed.step is not None:
        return streamed
    cells = tuple(-(-side // BLOCK_SIZE) for side in streamed.frame.size)
    nothing = BlockMotion(np.zeros((2, *cells), np.int16), np.ones(cells, np.bool_))
    return replace(streamed, step=nothing)
