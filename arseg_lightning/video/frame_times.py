"""Times of the frames of a file, from its timeline, its packets or its frame rate."""

from __future__ import annotations

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.clock import Clock
from arseg_lightning.video.probe import frame_rate
from arseg_lightning.video.timeline import Timeline

__all__ = ["FrameTimes"]


class FrameTimes:
    """Times of the frames of a file, relative to the first one and ever later.

    They are the timeline's; without one the frames' own where these advance, else the frame
    rate's.
    """

    def __init__(
        self, timeline: Timeline | None, container: InputContainer, stream: VideoStream
    ) -> None:
        self._timeline = timeline
        self._interval = 1 / frame_rate(stream)
        # AVI stores one time a frame, that of decoding; FFmpeg makes up another.
        self._is_avi = container.format.name == "avi"
        self._clock = Clock(keeps_gaps=True)
        self._clock.join(self._interval)

    def seconds(self, index: int, frame: VideoFrame) -> float:
        """Time of the next frame."""
        if self._timeline is not None:
            beyond = max(0, index - (len(self._timeline) - 1))
            return self._timeline.seconds(index - beyond) + float(beyond * self._interval)
        at = frame.dts if self._is_avi else frame.pts
        base = frame.time_base
        return self._clock.tick(None if at is None or base is None else at * base)[0]
