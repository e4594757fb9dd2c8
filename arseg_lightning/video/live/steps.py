"""Gives every picture of a source its motion."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.types import Frame, size_text
from arseg_lightning.video.coded import export_motion
from arseg_lightning.video.conversion import ToRgb, to_frame
from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.evidence import Evidence
from arseg_lightning.video.live.arrival import Arrival, Feed
from arseg_lightning.video.live.frame import LiveMotion, MotionUse, StreamedFrame
from arseg_lightning.video.live.reencoder import Reencoder
from arseg_lightning.video.matching import Matcher
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.orientation import Orientation
from arseg_lightning.video.probe import codec_name, motion_obstacle

__all__ = ["Steps"]

_KEPT_IMAGES = 8
"""Images that are held at a time: decoded ahead, or in the hands of the caller."""


class Steps:
    """Turns pictures into frames with motion, and refuses motion that does not fit.

    Args:
        feed: Where the pictures come from.
        motion: Where motion comes from; ``auto`` changes to an encoding where the stream's own
            turns out not to fit, be it in the middle, and back at an I-frame where it fits again.
            None looks for none, and frames rest.
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
        self._motion = motion
        self._unfit: str | None = None
        self._reencoder = Reencoder() if motion == "reencode" else None
        self._switch: str | None = None
        self._matcher = Matcher[Arrival]()
        self._evidence = Evidence()
        self._last_size: tuple[int, int] | None = None
        self._last_coded: tuple[int, int] | None = None
        self._use = MotionUse(motion)

    @property
    def use(self) -> MotionUse:
        """What became of the stream's own motion so far."""
        return replace(self._use, matching_share=self._evidence.share)

    def frames(self) -> Generator[StreamedFrame, None, None]:
        """Read the source to its end."""
        for arrival in self._feed.arrivals(self):
            yield from self._streamed(arrival)
        yield from self._matched(self._matcher.flush())

    def opened(self, stream: VideoStream | None) -> None:
        """Look at a stream before it is decoded, and ask for its vectors if they are to be used."""
        if self._motion in (None, "reencode"):
            return
        self._unfit = "holds images, which have no motion vectors"
        if stream is not None:
            self._unfit = motion_obstacle(codec_name(stream))
            export_motion(stream)

    def _streamed(self, arrival: Arrival) -> Iterator[StreamedFrame]:
        """A frame and its motion, or others that waited for it."""
        if self._motion is None:
            frame = self._frame(arrival)
            yield self._given_one(arrival, frame, BlockMotion.rest(frame.size, frame.index))
            return
        if self._motion != "reencode":
            yield from self._look_at_vectors(arrival)
        if self._reencoder is not None:
            yield self._given_one(arrival, *self._from_encoding(arrival))
        elif self._motion == "auto" and (what := self._evidence.recent_obstacle()):
            yield from self._matched(self._matcher.flush())
            self._obstacle(what)

    def _look_at_vectors(self, arrival: Arrival) -> Iterator[StreamedFrame]:
        """Decide whose motion a frame has, and give it with the codec's, or others before it."""
        numbered = arrival.numbered
        if arrival.restart or self._has_new_size(arrival):
            yield from self._matched(self._matcher.flush())
        if what := self._unfit or self._misfit(numbered.picture):
            yield from self._matched(self._matcher.flush())
            self._evidence.forget_recent()
            if self._reencoder is None:
                self._obstacle(what)
            return
        is_intra = numbered.picture.pict_type == PictureType.I and not numbered.is_copy
        if self._reencoder is not None and is_intra:
            yield from self._matched(self._matcher.flush())
            if self._evidence.recent_obstacle(returns=True) is None:
                self._evidence.forget_recent()
                self._reencoder = None
                self._switch = "the stream's own motion vectors lead to what looks alike again"
        yield from self._matched(self._matcher.push(numbered, arrival))

    def _matched(self, found: Iterable[tuple[Arrival, BlockMotion]]) -> Iterator[StreamedFrame]:
        """Frames with motion of the codec's; none where they are encoded and given already."""
        for arrival, step in found:
            self._evidence.add(step)
            if self._reencoder is None:
                frame = self._frame(arrival)
                yield self._given_one(arrival, frame, None if frame.picture_type == "I" else step)

    def _given_one(self, arrival: Arrival, frame: Frame, step: BlockMotion | None) -> StreamedFrame:
        """A frame, or why nothing before it may be referred to."""
        restart = "start" if self._last_size is None else arrival.restart or self._switch
        if self._switch is not None:
            self._use.note(frame.index, self._reencoder is not None, self._switch)
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
        if what := motion_obstacle("h264", Orientation.of(picture)):
            return what
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
        self._use.encoded_frames += 1
        step = self._reencoder.step(frame, arrival.numbered.picture)
        return replace(frame, picture_type="I" if step is None else "P"), step

    def _frame(self, arrival: Arrival) -> Frame:
        return to_frame(arrival.numbered, self._feed.name, size=self._size, rgb=self._rgb)

    def _obstacle(self, what: str) -> None:
        """Refuse the stream's vectors, or take them from an encoding from here on."""
        if self._motion == "codec":
            raise NoMotionVectors(f"{self._feed.name} {what}; {self._remedy}")
        self._reencoder = Reencoder()
        self._switch = f"the stream {what}: its frames are encoded from here on"
