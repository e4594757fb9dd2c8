"""Evaluation of a method on streams of frames: its accuracy, and the networks executed."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
from torch import distributed

from arseg_lightning.datasets.clips import MOST_WAITING
from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationFrame
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.distributed import is_distributed
from arseg_lightning.methods import (
    EveryL,
    Executed,
    Stream,
    StreamResult,
    StreamTrace,
    VideoMethod,
)
from arseg_lightning.metrics import Accuracy, DistanceAccuracy
from arseg_lightning.types import Frame
from arseg_lightning.video.live.frame import SourceFrame

__all__ = ["Evaluation", "Tally", "Totals", "counted_distances", "evaluation_needs", "push"]


class Evaluation:
    """Pushes the pieces of streams through a method in eval mode, as ``predict`` does, and counts.

    Args:
        distances: Number of distances at which methods without a clock are counted: L, or 1 where
            distances mean nothing.
        dtype: Type of the images that its networks take.
    """

    def __init__(
        self,
        method: VideoMethod,
        num_classes: int,
        distances: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.method = method
        self.dtype = dtype
        self.distances = distances
        most = method.most_distance
        known = distances if most is None else most + 1
        self.metric = DistanceAccuracy(num_classes, known, num_late=MOST_WAITING * (known > 1))
        self.tally = Tally()
        self._stream: Stream | None = None
        self._waiting = deque[EvaluationFrame]()

    def add(self, clip: EvaluationClip) -> list[StreamResult]:
        """Continue a stream, or start the next one: the results that are there now."""
        if self._stream is None:
            self._stream = Stream(self.method, clip.normalise, clip.chaining, self.dtype)
        results = []
        for frame in clip.frames:
            self._waiting.append(frame)
            results += self._counted(push(self._stream, frame))
        return results

    def _counted(self, results: list[StreamResult]) -> list[StreamResult]:
        """Count results, which come in the order of the frames, however long they wait."""
        for result in results:
            frame = self._waiting.popleft()
            if frame.streamed.restart is not None:
                self.tally.start(frame.name)
            self.tally.note(result)
            if frame.label is None:
                continue
            labels, truth = (
                torch.from_numpy(each)[None].to(self.metric.device)  # (1, H, W)
                for each in (result.labels, frame.label)
            )
            self.metric.update(labels, truth, self.distance(frame, result))
        return results

    def distance(self, frame: EvaluationFrame, result: StreamResult) -> int:
        """The distance to the keyframe at which a frame counts."""
        if self.method.most_distance is not None:  # its own keyframes, wherever they came
            return result.distance
        return frame.distance if self.distances > 1 else 0  # or all frames count together

    def end(self) -> list[StreamResult]:
        """End the last stream, and release it: its frames and kernels cannot be copied."""
        stream, self._stream = self._stream, None
        return [] if stream is None else self._counted(stream.finish())

    def accuracy(self) -> Accuracy:
        """Accuracies of all processes; every process has to call this."""
        return self.metric.accuracy()


def push(stream: Stream, frame: EvaluationFrame) -> list[StreamResult]:
    """Give a stream its next frame, after the skipped ones before it: what is segmented now."""
    streamed = frame.streamed
    for step in frame.passed:
        # Its pixels were not decoded, and are not needed: only its motion is.
        blank = np.broadcast_to(np.uint8(0), streamed.frame.image.shape)
        kind = "I" if step is None else "P"
        stream.pass_over(SourceFrame(Frame(0, 0.0, kind, blank), step))
    return stream.add(streamed)


def counted_distances(
    methods: Iterable[VideoMethod], keyframe_interval: int, every_distance: bool
) -> int:
    """Number of distances at which methods without a clock are counted beside the others.

    Args:
        methods: All that are evaluated.
        keyframe_interval: L.
        every_distance: Whether streams start at each distance before a label: then all methods
            are shown those.
    """
    has_clock = any(method.clock is not None for method in methods)
    return keyframe_interval if has_clock or every_distance else 1


def evaluation_needs(methods: Iterable[VideoMethod], keyframe_interval: int) -> EvaluationNeeds:
    """What an evaluation of several methods on the same frames needs of the data.

    A stream may be cut at the keyframes of the interval, and show only them and the labelled
    frames, where that changes nothing for any of the methods.
    """

    def may_be_cut(method: VideoMethod) -> bool:
        clock = method.clock
        # Without a clock, only what keeps no state at all sees the same after a cut.
        if not method.needs.independent or clock is None:
            return method.needs.independent and not method.key_roles
        if not isinstance(clock, EveryL):
            return False
        return clock.on_intra and clock.keyframe_interval == keyframe_interval

    methods = list(methods)
    cut = all(map(may_be_cut, methods))
    motion = any(method.uses_motion for method in methods)
    return EvaluationNeeds(
        motion=motion,
        every_frame=not cut,
        lookahead=max(method.lookahead for method in methods),
        single=cut and not motion and all(method.clock is None for method in methods),
    )


_Step = tuple[tuple[Executed, ...], str | None]
"""The networks executed for a frame, and the reason."""

_Course = tuple[tuple[_Step, int], ...]
"""A stream as run-length code: each step, and how many frames in a row have it."""


@dataclass
class Totals:
    """The networks executed in all streams."""

    num_frames: int = 0
    frames: Counter[str] = field(default_factory=Counter)  # number by role
    executed: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # by role
    reasons: Counter[str] = field(default_factory=Counter)  # number of frames by reason


class Tally:
    """Records the steps of each stream; equal streams are kept once, with their number."""

    def __init__(self) -> None:
        self._courses: dict[_Course, tuple[str, int]] = {}  # a first frame, number of streams
        self._steps: list[_Step] = []
        self._first = ""

    def start(self, first: str = "") -> None:
        """End the current stream, and start another one, whose first frame has a name."""
        if self._steps:
            course = tuple((step, len(list(alike))) for step, alike in groupby(self._steps))
            self._add(course, self._first, 1)
        self._first, self._steps = first, []

    def note(self, result: StreamResult) -> None:
        """Record the step of a frame of the current stream."""
        self._steps.append((result.executed, result.reason))

    def gathered(self) -> Tally:
        """The tallies of all processes in one; every process has to call this."""
        self.start()
        if not is_distributed():
            return self
        # Few courses differ, however many streams there are: they are sent as they are.
        parts: list[dict[_Course, tuple[str, int]]] = [{}] * distributed.get_world_size()
        distributed.all_gather_object(parts, self._courses)
        whole = Tally()
        for course, (first, same) in (item for part in parts for item in part.items()):
            whole._add(course, first, same)
        return whole

    def _add(self, course: _Course, first: str, same: int) -> None:
        known, count = self._courses.get(course, (first, 0))
        self._courses[course] = min(known, first), count + same

    def totals(self) -> Totals:
        """Sums over all streams."""
        self.start()
        totals = Totals()
        for course, (_, same) in self._courses.items():
            for (executed, reason), in_a_row in course:
                number = in_a_row * same
                totals.num_frames += number
                if reason is not None:
                    totals.reasons[reason] += number
                for each in executed:
                    totals.frames[each.role] += number
                    totals.executed[each.role] += each.share * number
        return totals

    def traces(self) -> tuple[StreamTrace, ...]:
        """The courses of all streams, as a result file holds them."""
        self.start()
        traces = []
        for course, (first, same) in self._courses.items():
            plan = tuple(
                ("+".join(each.role for each in executed), reason, executed[-1].share, number)
                for (executed, reason), number in course
            )
            traces.append(StreamTrace(first, same, plan))
        return tuple(traces)
