"""Consistency of a stream's labels over time, along its motion; needs no labels of its own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator

from arseg_lightning.methods import StreamResult
from arseg_lightning.methods.motion_track import MotionTrack
from arseg_lightning.metrics import TemporalConsistency
from arseg_lightning.types import Motion
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live.frame import SourceFrame

__all__ = ["MotionToPrevious", "StreamConsistency"]


class MotionToPrevious:
    """Follows the motion of a stream's frames, each to the one before.

    Args:
        chaining: How motion is composed.
    """

    def __init__(self, chaining: Chaining) -> None:
        self.chaining: Chaining = chaining
        self._track: MotionTrack | None = None

    def of(self, streamed: SourceFrame) -> Motion | None:
        """The next frame's motion; None where the stream starts."""
        if self._track is None or streamed.restart is not None:
            self._track = MotionTrack(streamed, "previous", False, self.chaining)
            return None
        self._track.take(streamed)
        return self._track.to_previous()


class StreamConsistency:
    """Temporal consistency and flicker of a stream, in memory that does not grow.

    Args:
        num_classes: Number of classes.
        chaining: How motion is composed.
    """

    def __init__(self, num_classes: int, chaining: Chaining) -> None:
        self.meter = TemporalConsistency(num_classes)
        self._motion = MotionToPrevious(chaining)
        self._waiting = deque[Motion | None]()

    def watch(self, frames: Iterable[SourceFrame]) -> Iterator[SourceFrame]:
        """Pass frames on, and follow their motion."""
        for streamed in frames:
            self._waiting.append(self._motion.of(streamed))
            yield streamed

    def add(self, result: StreamResult) -> None:
        """Count the labels of the next frame, however long it waited."""
        self.meter.add(result.labels, self._waiting.popleft())

    @property
    def figures(self) -> dict[str, float] | None:
        """Both by name; None if no frame had motion to the one before."""
        figures = {"temporal_consistency": self.meter.miou, "flicker": self.meter.flicker}
        return None if math.isnan(figures["flicker"]) else figures
