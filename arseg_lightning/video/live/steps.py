"""Gives every picture of a source its motion."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.types import Frame, size_text
from arseg_lightning.video.coded import export_motion
from arseg_lightning.video.conversion import ToRgb, to_frame
from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.live.arrival import Arrival, Feed
from arseg_lightning.video.live.evidence import Evidence
from arseg_lightning.video.live.frame import LiveMotion, StreamedFrame
from arseg_lightning.video.live.reencoder import Reencoder
from arseg_lightning.video.matching import Matcher
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.probe import codec_name, motion_obstacle

__all__ = ["Steps"]

_KEPT_IMAGES = 8
"""Images that are held at a time: decoded ahead, or in the hands of the caller."""


class Steps:
    """Turns pictures into frames with motion, and refuses motion that does not fit.

    Args:
        feed: Where the pictures come from.
        motion: Where motion comes from; ``auto`` changes to an encoding where the stream's own
            turns out not to fit, be it in the middle. None looks for none, and frames rest.
        size: Height and width that pictures are scaled to; their own by default.
        remedy: What to do about a refusal.
    """

    def __init__(
        self, feed: Feed, motion: LiveMotion | None, size: tuple[int, int] | None, remedy: str
    ) -> None:
        self._feed = feed
        self._size = size
        self._remedy = remedy
        self._rgb = ToRgb(_KEPT_IMAGES)
        self._finds_motion = motion is not None
        self._may_reencode = motion != "codec"
        self._reencoder = Reencoder() if motion == "reencode" else None
        self._switch: str | None = None
        self._matcher = Matcher[Arrival]()
        self._evidence = Evidence()
        self._last_size: tuple[int, int] | None = None
        self._last_coded: tuple[int, int] | None = None

    def frames(self) -> Generator[StreamedFrame, None, None]:
        """Read the source to its end."""
        for arrival in self._feed.arrivals(self):
            yield from self._streamed(arrival)
        yield from self._given(self._matcher.flush())

    def opened(self, stream: VideoStream | None) -> None:
        """Look at a stream before it is decoded, and ask for its vectors if they are to be used.

        Raises:
            NoMotionVectors: If it has none.
        """
        if self._reencoder is not None or not self._finds_motion:
            return
        if stream is None:
            self._obstacle("holds images, which have no motion vectors")
        elif what := motion_obstacle(codec_name(stream), 0):
            self._obstacle(what)
        else:
            export_motion(stream)

    def _streamed(self, arrival: Arrival) -> Iterator[StreamedFrame]:
        """A frame and its motion, or others that waited for it."""
        if not self._finds_motion:
            frame = self._frame(arrival)
            yield self._given_one(arrival, frame, BlockMotion.rest(frame.size, frame.index))
            return
        if self._reencoder is None:
            if arrival.restart or self._has_new_size(arrival):
                yield from self._given(self._matcher.flush())
            if what := self._misfit(arrival.numbered.picture):
                yield from self._given(self._matcher.flush())
                self._obstacle(what)
        if self._reencoder is None:
            yield from self._given(self._matcher.push(arrival.numbered, arrival))
            if self._may_reencode and (what := self._evidence.obstacle()):
                yield from self._given(self._matcher.flush())
                self._obstacle(what)
        else:
            yield self._given_one(arrival, *self._from_encoding(arrival))

    def _given(self, found: Iterable[tuple[Arrival, BlockMotion]]) -> Iterator[StreamedFrame]:
        """Frames with motion of the codec's."""
        for arrival, step in found:
            frame = self._frame(arrival)
            self._evidence.add(step)
            yield self._given_one(arrival, frame, None if frame.picture_type == "I" else step)

    def _given_one(self, arrival: Arrival, frame: Frame, step: BlockMotion | None) -> StreamedFrame:
        """A frame, or why nothing before it may be referred to."""
        restart = "start" if self._last_size is None else arrival.restart or self._switch
        self._switch = None
        if self._last_size is not None and self._last_size != frame.size:
            restart = f"size changed from {size_text(self._last_size)} to {size_text(frame.size)}"
        self._last_size = frame.size
        return StreamedFrame(frame, None if restart else step, restart)

    def _has_new_size(self, arrival: Arrival) -> bool:
        """Whether a picture is of another size than the one before."""
        picture = arrival.numbered.picture
        before, self._last_coded = self._last_coded, (picture.height, picture.width)
        return before is not None and before != self._last_coded

    def _misfit(self, picture: VideoFrame) -> str | None:
        """Why a picture's vectors do not fit it as it is to be given, if so."""
        if picture.rotation:
            return motion_obstacle("h264", picture.rotation % 360)
        size = picture.height, picture.width
        if self._size is not None and self._size != size:
            scaled = f"motion vectors do not scale to {size_text(self._size)}"
            return f"is {size_text(size)}, and {scaled}"
        return None

    def _from_encoding(self, arrival: Arrival) -> tuple[Frame, BlockMotion | None]:
        """Encode a picture behind the one before it, and use the vectors of that."""
        frame = self._frame(arrival)
        if arrival.numbered.is_copy:
            return frame, BlockMotion.rest(frame.size, frame.index)
        if self._reencoder is None or arrival.restart:
            self._reencoder = Reencoder()
        step = self._reencoder.step(frame, arrival.numbered.picture)
        return replace(frame, picture_type="I" if step is None else "P"), step

    def _frame(self, arrival: Arrival) -> Frame:
        seconds, size = arrival.seconds, self._size
        return to_frame(
            arrival.numbered, self._feed.name, lambda _: seconds, size=size, rgb=self._rgb
        )

    def _obstacle(self, what: str) -> None:
        """Refuse the stream's vectors, or take them from an encoding from here on."""
        if not self._may_reencode:
            raise NoMotionVectors(f"{self._feed.name} {what}; {self._remedy}")
        self._reencoder = Reencoder()
        self._switch = f"the stream {what}: its frames are encoded from here on"
