"""Times of the frames of a file, from its timeline, its pictures or its frame rate."""

from __future__ import annotations

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.clock import Clock
from arseg_lightning.video.probe import frame_rate
from arseg_lightning.video.timeline import Timeline

__all__ = ["FrameTimes"]


class FrameTimes:
    """Gives the frames of a file their times, relative to the first one and ever later.

    They are the timeline's. Without one they are those that the pictures say, where these go
    ahead, and follow the frame rate where they do not.
    """

    def __init__(
        self, timeline: Timeline | None, container: InputContainer, stream: VideoStream
    ) -> None:
        self._timeline = timeline
        self._interval = 1 / frame_rate(stream)
        # AVI stores one time a picture, that of decoding; FFmpeg makes up another.
        self._is_avi = container.format.name == "avi"
        self._clock = Clock(keeps_gaps=True)
        self._clock.join(self._interval)

    def seconds(self, index: int, picture: VideoFrame) -> float:
        """The time of the next frame."""
        if self._timeline is not None:
            beyond = max(0, index - (len(self._timeline) - 1))
            return self._timeline.seconds(index - beyond) + float(beyond * self._interval)
        at = picture.dts if self._is_avi else picture.pts
        base = picture.time_base
        return self._clock.tick(None if at is None or base is None else at * base)[0]
