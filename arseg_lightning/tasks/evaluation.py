"""A method on streams of an evaluation: its labels are counted, and what it did is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

import numpy as np
import torch
from torch import distributed

from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationFrame
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.datasets.together import is_one_of_several
from arseg_lightning.methods import EveryL, Stream, StreamResult, StreamTrace, VideoMethod
from arseg_lightning.metrics import Accuracy, DistanceAccuracy
from arseg_lightning.types import Frame
from arseg_lightning.video.live.frame import StreamedFrame

__all__ = ["Evaluation", "evaluation_needs"]

_Plan = tuple[tuple[str, str | None, float, int], ...]
"""Roles, reason, executed share and number of frames that went alike in a row."""


class Evaluation:
    """Pushes the pieces of streams through a method, as ``predict`` does, and counts.

    Args:
        method: The method, in eval mode.
        num_classes: Number of classes.
        keyframe_interval: L, for methods without a clock of their own.
    """

    def __init__(self, method: VideoMethod, num_classes: int, keyframe_interval: int) -> None:
        self.method = method
        most = method.most_distance
        distances = keyframe_interval if most is None else max(most + 1, 1)
        self.metric = DistanceAccuracy(num_classes, distances)
        self.executed: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.num_frames = 0
        self._stream: Stream | None = None
        self._first = ""
        self._steps: list[tuple[str, str | None, float]] = []
        self._traces: dict[_Plan, tuple[str, int]] = {}

    def add(self, clip: EvaluationClip) -> list[StreamResult]:
        """Go on with a stream, or start the next one."""
        if self._stream is None:
            self._stream = Stream(self.method, clip.normalise, clip.chaining)
        return [self._push(self._stream, frame) for frame in clip.frames]

    def accuracy(self) -> Accuracy:
        """Accuracies of all processes; every process has to call this."""
        return self.metric.accuracy()

    def traces(self) -> tuple[StreamTrace, ...]:
        """What was done in the streams of this process, those that went alike together."""
        self._close()
        return tuple(StreamTrace(first, same, plan) for plan, (first, same) in self._traces.items())

    def gather(self) -> None:
        """Put together what was done in all processes; every process has to call this."""
        self._close()
        if not is_one_of_several():
            return
        mine = (self.executed, self.frames, self.reasons, self.num_frames, self._traces)
        found: list[tuple[object, ...] | None] = [None] * distributed.get_world_size()
        distributed.all_gather_object(found, mine)
        self._reset_counts()
        for each in found:
            if each is not None:
                self._merge(*each)

    def _merge(
        self,
        executed: Counter[str],
        frames: Counter[str],
        reasons: Counter[str],
        num_frames: int,
        traces: dict[_Plan, tuple[str, int]],
    ) -> None:
        self.executed += executed
        self.frames += frames
        self.reasons += reasons
        self.num_frames += num_frames
        for plan, (first, same) in traces.items():
            known, count = self._traces.get(plan, (first, 0))
            self._traces[plan] = min(known, first), count + same

    def _reset_counts(self) -> None:
        self.executed, self.frames, self.reasons = Counter(), Counter(), Counter()
        self.num_frames, self._traces = 0, {}

    def _push(self, stream: Stream, frame: EvaluationFrame) -> StreamResult:
        streamed = frame.streamed
        if streamed.restart is not None:
            self._close()
            self._first = frame.name
        for step in frame.passed:
            blank = np.broadcast_to(np.uint8(0), streamed.frame.image.shape)
            kind = "I" if step is None else "P"
            stream.pass_over(StreamedFrame(Frame(0, 0.0, kind, blank), step))
        result = stream.push(streamed)
        self._note(result)
        if frame.label is not None:
            counted = result.distance if self.method.most_distance is not None else frame.distance
            device = self.metric.device
            labels, truth = (
                torch.from_numpy(m)[None].to(device) for m in (result.labels, frame.label)
            )
            self.metric.update(labels, truth, counted)
        return result

    def _note(self, result: StreamResult) -> None:
        self.num_frames += 1
        for each in result.executed:
            self.frames[each.role] += 1
            self.executed[each.role] += each.share  # type: ignore[assignment]
        if result.reason is not None:
            self.reasons[result.reason] += 1
        roles = "+".join(each.role for each in result.executed)
        self._steps.append((roles, result.reason, result.executed[-1].share))

    def _close(self) -> None:
        """A stream has ended: keep what was done in it."""
        if self._steps:
            plan = tuple((*what, len(list(alike))) for what, alike in groupby(self._steps))
            first, same = self._traces.get(plan, (self._first, 0))
            self._traces[plan] = first, same + 1
        self._steps = []


def evaluation_needs(methods: Iterable[VideoMethod], keyframe_interval: int) -> EvaluationNeeds:
    """What an evaluation of several methods on the same frames needs of the data.

    A stream may be cut at the keyframes of the interval, and show only them and the labelled
    frames, where that changes nothing for any of the methods.

    Args:
        methods: The methods.
        keyframe_interval: L.
    """
    methods = list(methods)
    cut = all(_may_be_cut(method, keyframe_interval) for method in methods)
    return EvaluationNeeds(
        motion=any(method.uses_motion for method in methods),
        every_frame=not cut,
        whole_streams=not cut,
    )


def _may_be_cut(method: VideoMethod, keyframe_interval: int) -> bool:
    clock = method.clock
    if not method.needs.independent:
        return False
    if clock is None:
        return not method.key_roles
    same = isinstance(clock, EveryL) and clock.keyframe_interval == keyframe_interval
    return same and clock.on_intra
