"""Frames between keyframes that are segmented at once."""

from __future__ import annotations

from arseg_lightning.methods import PlannedFrame, Stream, StreamResult
from arseg_lightning.video.live import SourceFrame

__all__ = ["Batches"]


class Batches:
    """Gives a stream its frames in batches, as far as they go with each other.

    Args:
        stream: The stream, of a method whose frames between keyframes are independent.
        size: Most frames at once.
    """

    def __init__(self, stream: Stream, size: int) -> None:
        self.stream, self.size = stream, size
        self._waiting = list[PlannedFrame]()

    def add(self, streamed: SourceFrame, wait_ms: float = 0.0) -> list[StreamResult]:
        """Take the next frame, and segment what is a batch now; see :meth:`Stream.add`."""
        taken, results = self.stream.take(streamed, wait_ms), list[StreamResult]()
        # A keyframe changes the state that the frames before it still need.
        if self._waiting and not self.stream.goes_with(taken, self._waiting[0]):
            results = self.finish()
        self._waiting.append(taken)
        # A frame that fits no batch, such as a keyframe, is segmented at once.
        if len(self._waiting) >= self.size or not self.stream.goes_with(taken, taken):
            results += self.finish()
        return results

    def finish(self) -> list[StreamResult]:
        """Segment the frames that still wait."""
        waiting, self._waiting = self._waiting, []
        return self.stream.segment(waiting) if waiting else []
