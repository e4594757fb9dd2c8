"""A method on streams of an evaluation: its labels are counted, and what it did is kept."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from arseg_lightning.datasets.clips import MOST_WAITING
from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationFrame
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.methods import EveryL, Stream, StreamResult, VideoMethod
from arseg_lightning.metrics import Accuracy, DistanceAccuracy
from arseg_lightning.tasks.tally import Tally
from arseg_lightning.types import Frame
from arseg_lightning.video.live.frame import StreamedFrame

__all__ = ["Evaluation", "evaluation_needs", "push"]


class Evaluation:
    """Pushes the pieces of streams through a method, as ``predict`` does, and counts.

    Args:
        method: The method, in eval mode.
        num_classes: Number of classes.
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

    def add(self, clip: EvaluationClip) -> list[StreamResult]:
        """Continue a stream, or start the next one."""
        if self._stream is None:
            self._stream = Stream(self.method, clip.normalise, clip.chaining, self.dtype)
        return [self._push(self._stream, frame) for frame in clip.frames]

    def end(self) -> None:
        """Let go of the last stream, whose frames and kernels nobody can copy."""
        self._stream = None

    def accuracy(self) -> Accuracy:
        """Accuracies of all processes; every process has to call this."""
        return self.metric.accuracy()

    def _push(self, stream: Stream, frame: EvaluationFrame) -> StreamResult:
        if frame.streamed.restart is not None:
            self.tally.start(frame.name)
        result = push(stream, frame)
        self.tally.note(result)
        if frame.label is not None:
            distance = frame.distance if self.distances > 1 else 0
            if self.method.most_distance is not None:
                distance = result.distance
            labels, truth = (
                torch.from_numpy(each)[None].to(self.metric.device)
                for each in (result.labels, frame.label)
            )
            self.metric.update(labels, truth, distance)
        return result


def push(stream: Stream, frame: EvaluationFrame) -> StreamResult:
    """Segment the next frame of a stream, behind those that pass by unseen."""
    streamed = frame.streamed
    for step in frame.passed:
        blank = np.broadcast_to(np.uint8(0), streamed.frame.image.shape)
        kind = "I" if step is None else "P"
        stream.pass_over(StreamedFrame(Frame(0, 0.0, kind, blank), step))
    return stream.push(streamed)


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
    motion = any(method.uses_motion for method in methods)
    return EvaluationNeeds(
        motion=motion,
        every_frame=not cut,
        whole_streams=not cut,
        single=cut and not motion and all(method.clock is None for method in methods),
    )


def _may_be_cut(method: VideoMethod, interval: int) -> bool:
    clock = method.clock
    if not method.needs.independent or clock is None:
        return method.needs.independent and not method.key_roles
    return isinstance(clock, EveryL) and clock.on_intra and clock.keyframe_interval == interval
