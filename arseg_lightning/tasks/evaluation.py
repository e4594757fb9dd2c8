"""Evaluation of a method on streams of frames: its accuracy, and the networks executed."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import distributed

from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationFrame
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.distributed import is_distributed
from arseg_lightning.methods import (
    EveryL,
    Stream,
    StreamResult,
    VideoMethod,
)
from arseg_lightning.metrics import Accuracy, DistanceAccuracy
from arseg_lightning.tasks.repeats import RepeatedFrames, sees_frames_alone
from arseg_lightning.types import Frame
from arseg_lightning.video.keyframes import MOST_WAITING
from arseg_lightning.video.live.frame import SourceFrame

__all__ = ["Evaluation", "Tally", "counted_distances", "evaluation_needs", "push"]


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
        self._repeats = RepeatedFrames() if sees_frames_alone(method) else None
        self._waiting = deque[EvaluationFrame]()

    def add(self, clip: EvaluationClip) -> list[StreamResult]:
        """Continue a stream, or start the next one: the results that are there now."""
        if self._stream is None:
            self._stream = Stream(self.method, clip.normalise, clip.chaining, self.dtype)
        results = []
        for frame in clip.frames:
            self._waiting.append(frame)
            results += self._counted(self._results(self._stream, frame))
        return results

    def _results(self, stream: Stream, frame: EvaluationFrame) -> list[StreamResult]:
        if self._repeats is None or not frame.repeats:
            return push(stream, frame)
        known = self._repeats.find(frame)
        if known is None:
            (known,) = push(stream, frame)
            self._repeats.keep(frame, known)
        return [known]

    def _counted(self, results: list[StreamResult]) -> list[StreamResult]:
        """Count results, which come in the order of the frames, however long they wait."""
        for result in results:
            frame = self._waiting.popleft()
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

    @property
    def state_bytes(self) -> int:
        """Memory of what the stream remembers of earlier frames."""
        return 0 if self._stream is None else self._stream.state_bytes

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

    With ``every_distance``, streams start at each distance before a label, for all methods.
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
        if sees_frames_alone(method):
            return True
        if not method.needs.independent or not isinstance(clock, EveryL):
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


@dataclass
class Tally:
    """Counts the networks that were executed for frames, and the reasons."""

    num_frames: int = 0
    frames: Counter[str] = field(default_factory=Counter)  # number by role
    executed: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # by role
    reasons: Counter[str] = field(default_factory=Counter)  # number of frames by reason

    def note(self, result: StreamResult) -> None:
        """Count a frame."""
        self.num_frames += 1
        if result.reason is not None:
            self.reasons[result.reason] += 1
        for each in result.executed:
            self.frames[each.role] += 1
            self.executed[each.role] += each.share

    def gathered(self) -> Tally:
        """The sums over all processes; every process has to call this."""
        if not is_distributed():
            return self
        parts = [self] * distributed.get_world_size()
        distributed.all_gather_object(parts, replace(self, executed=dict(self.executed)))
        whole = Tally()
        for part in parts:
            whole.num_frames += part.num_frames
            whole.frames += part.frames
            whole.reasons += part.reasons
            for role, share in part.executed.items():
                whole.executed[role] += share
        return whole
