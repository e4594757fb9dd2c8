"""Streams of frames through a method: the one loop that runs methods on video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.method import VideoMethod
from arseg_lightning.methods.motion_track import MotionTrack
from arseg_lightning.methods.plan import FrameInput, Plan, State, check_state, no_gradients
from arseg_lightning.methods.stream_frame import Executed, PlannedFrame, Stopwatch, StreamResult
from arseg_lightning.models.segmentor import Output
from arseg_lightning.types import size_text
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live.frame import SourceFrame

__all__ = ["Stream"]


class Stream:
    """A stream of frames through a method: it keeps motion, state and memory.

    Several streams of a method share its networks and nothing else. Memory does not grow. ``fit``'s
    validation, ``test``, ``predict`` and ``bench`` all run frames through it.

    Of a method with lookahead, the frames between two keyframes wait for the later one, which is
    run before them; memory holds them. Where the stream ends, its last frame is made a keyframe.

    Args:
        method: The method, on its device, in eval mode.
        normalise: Normalisation that its networks were trained with.
        chaining: How motion is composed over frames.
        dtype: Type of the images that its networks take; motion stays float32.
    """

    def __init__(
        self,
        method: VideoMethod,
        normalise: Normalisation | None = None,
        chaining: Chaining = "subpixel",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.method = method
        self.chaining: Chaining = chaining
        self.dtype = dtype
        self.device = next((p.device for p in method.parameters()), torch.device("cpu"))
        normalise = normalise or Normalisation()
        # (3,) each
        self._mean, self._std = torch.tensor([normalise.mean, normalise.std], device=self.device)
        self.reset()

    @property
    def state_bytes(self) -> int:
        """Memory of what it remembers of earlier frames, beside the networks."""
        return sum(tensor.nbytes for tensor in self._state.values())

    def reset(self) -> None:
        """Forget the stream; the next frame is the first of another."""
        with no_gradients():
            self._memory = self.method.begin()
        self._state: State = {}
        self._size: tuple[int, int] | None = None
        self._waiting: list[PlannedFrame] = []
        self._num_taken = 0

    def run(self, frames: Iterable[SourceFrame]) -> Iterator[StreamResult]:
        """Segment the frames of a stream, up to its end."""
        for streamed in frames:
            yield from self.add(streamed)
        yield from self.finish()

    def add(self, streamed: SourceFrame, wait_ms: float = 0.0) -> list[StreamResult]:
        """Take the next frame, and segment all that need not wait; see :meth:`push`.

        Returns:
            The results, in the order of the frames.
        """
        if not self.method.needs.lookahead:
            return [self.push(streamed, wait_ms)]
        before = [] if self._start_reason(streamed) is None else self.finish()
        self._waiting.append(self.take(streamed, wait_ms))
        is_keyframe = self._waiting[-1].plan.role in self.method.key_roles
        return [*before, *(self._segment_waiting() if is_keyframe else [])]

    def finish(self) -> list[StreamResult]:
        """Segment the frames that still wait: the last of them becomes a keyframe."""
        if not self._waiting:
            return []
        last = self._waiting[-1]
        with no_gradients():
            plan = self._next_plan(replace(last.info, is_last=True), self._state)
        self._waiting[-1] = replace(last, plan=plan)
        return self._segment_waiting()

    def push(self, streamed: SourceFrame, wait_ms: float = 0.0) -> StreamResult:
        """Segment the next frame.

        A frame that restarts its source, has another size than the one before or comes without
        motion that the method needs starts the stream again; for others the method plans.

        Args:
            streamed: The frame, and its motion to the one pushed before it.
            wait_ms: How long it was waited for, for the statistics.

        Raises:
            ValueError: If the method waits for later frames.
        """
        if self.method.needs.lookahead:
            raise ValueError(
                f"{self.method.name} waits for later frames before it segments one: use run, or "
                f"add and finish, which give results when they are there"
            )
        return self.segment(self.take(streamed, wait_ms))

    def pass_over(self, streamed: SourceFrame) -> None:
        """Follow the motion of a frame that need not be segmented.

        Args:
            streamed: A frame that may not restart the stream; its image is not looked at.

        Raises:
            ValueError: If the method's state depends on every frame, or on this one.
        """
        if not self.method.needs.independent:
            raise ValueError(f"{self.method.name} has to see every frame; push it")
        _, plan = self._plan(streamed)
        if plan.role in self.method.key_roles:
            raise ValueError(f"later frames refer to this one, a keyframe ({plan.reason}); push it")

    def take(self, streamed: SourceFrame, wait_ms: float = 0.0) -> PlannedFrame:
        """Plan the next frame and prepare its tensors: the first half of :meth:`push`."""
        watch = Stopwatch(self.device, wait_ms)
        with no_gradients():
            height, width = streamed.frame.size
            pixels = np.ascontiguousarray(streamed.frame.image)  # (H, W, 3)
            # Channels stay innermost, and a row is one long vector: three passes at full speed.
            rows = torch.from_numpy(pixels).to(self.device).view(height, 3 * width).float()
            rows.div_(255.0).sub_(self._mean.repeat(width)).div_(self._std.repeat(width))
            image = rows.view(1, height, width, 3).permute(0, 3, 1, 2).to(self.dtype)
            watch.lap("image")
            info, plan = self._plan(streamed)
            motion, valid = self._motion.field(plan.role in self.method.key_roles, self.device)
            watch.lap("motion")
        given = FrameInput(image, motion, valid)
        self._num_taken += 1
        return PlannedFrame(streamed.frame, given, info, plan, watch, self._num_taken)

    def segment(self, taken: PlannedFrame) -> StreamResult:
        """Segment a taken frame, the second half of :meth:`push`."""
        taken.watch.lap("queue")
        with no_gradients():
            output, executed, reason = self._run(taken)
            taken.watch.lap("network")
            labels = output.labels(taken.given.size).cpu().numpy()[0]  # (H, W)
        taken.watch.lap("labels")
        is_keyframe = any(step.role in self.method.key_roles for step in executed)
        return StreamResult(
            *(taken.frame, output, executed),
            *(0 if is_keyframe else taken.info.distance, is_keyframe, reason),
            *(labels, taken.watch.latency_ms, taken.watch.laps),
            frames_late=self._num_taken - taken.number,
        )

    def _segment_waiting(self) -> list[StreamResult]:
        """Segment a keyframe, the last frame that waits, and then those before it."""
        *between, key = self._waiting
        self._waiting = []
        results = [self.segment(self._with_next(key, 0))]
        for position, each in enumerate(between, start=1):
            results.append(self.segment(self._with_next(each, position)))
        self._motion.end_interval()
        return [*results[1:], results[0]]

    def _with_next(self, planned: PlannedFrame, position: int) -> PlannedFrame:
        """Give a frame that waited the motion of the current one, a keyframe, to it."""
        planned.watch.lap("queue")
        motion, valid = self._motion.later_field(position, self.device)
        planned.watch.lap("motion")
        given = replace(planned.given, later_motion=motion, later_valid=valid)
        return replace(planned, given=given)

    def _plan(self, streamed: SourceFrame) -> tuple[FrameInfo, Plan]:
        """Count a frame, follow its motion, and plan its first step."""
        size, start = streamed.frame.size, self._start_reason(streamed)
        if start is None:
            self._motion.take(streamed)
        else:
            self._index = self._distance = -1
            self._size = size
            self._motion: MotionTrack = MotionTrack(
                *(streamed, self.method.needs.motion, self.method.composes_motion),
                *(self.chaining, self.method.needs.lookahead),
            )
        self._index += 1
        self._distance += 1
        info = FrameInfo(
            index=self._index,
            distance=self._distance,
            start=start,
            size=size,
            is_intra=streamed.frame.picture_type == "I",
            intra_share=self._motion.intra_share,
            compose=self._motion.to_keyframe,
            find_residual=self._motion.residual,
            is_anchor=streamed.step is None or streamed.step.kind == "anchor",
        )
        # Taken frames of before a restart may not be segmented yet, and still need the state.
        return info, self._next_plan(info, self._state if start is None else {})

    def _start_reason(self, streamed: SourceFrame) -> str | None:
        """Why a frame cannot refer to anything before it; None if it can."""
        size = streamed.frame.size
        if streamed.restart is not None:
            return streamed.restart
        if self._size is None:
            return "start"
        if self._size != size:
            return f"size changed from {size_text(self._size)} to {size_text(size)}"
        is_intra = streamed.frame.picture_type == "I"
        if self.method.uses_motion and streamed.step is None and not is_intra:
            return "no motion"
        return None

    def _next_plan(self, info: FrameInfo, state: State) -> Plan:
        """Have the method plan; a keyframe starts distances and motion again."""
        plan = self.method.plan(info, state, self._memory)
        if plan.role not in self.method.roles:
            raise ValueError(
                f"{self.method.name} plans the role {plan.role!r}, which is none of its roles "
                f"({', '.join(self.method.roles)}); add it to them"
            )
        if plan.role in self.method.key_roles:
            self._distance = 0
            self._motion.restart()
        elif info.is_last:
            raise ValueError(
                f"{self.method.name} has lookahead and makes the last frame of a stream "
                f"{plan.role!r}; its plan has to make it a keyframe where info.is_last is set"
            )
        return plan

    def _run(self, taken: PlannedFrame) -> tuple[Output, tuple[Executed, ...], str | None]:
        """Run the steps of a frame."""
        plan = taken.plan
        if taken.info.start is not None:
            self._state = {}
        executed, reason = list[Executed](), plan.reason
        while True:
            output, state = self.method.step(plan.role, taken.given, self._state, **plan.inputs)
            self._state = check_state(state, self.method.name)
            executed.append(Executed(plan.role, plan.executed))
            if plan.final:
                break
            plan = self._next_plan(taken.info, self._state)
            reason = plan.reason or reason
        if output is None:
            raise ValueError(f"{self.method.name} ends a frame with {plan.role}: it has no scores")
        if self.method.adapted:
            self.method.adapt(self._memory, plan, output, self._state)
        return output, tuple(executed), reason
