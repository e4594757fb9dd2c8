"""Turns the pictures of a source into frames with motion."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from arseg_lightning.types import Frame, size_text
from arseg_lightning.video.conversion import ToFrame
from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.live.feeds import Arrival, Feed
from arseg_lightning.video.live.frame import LiveMotion, MotionUse, SourceFrame
from arseg_lightning.video.live.reader import Reader
from arseg_lightning.video.live.reencoder import Reencoder
from arseg_lightning.video.matching import Matcher
from arseg_lightning.video.motion import BlockMotion, Evidence
from arseg_lightning.video.probe import Orientation, motion_obstacle

__all__ = ["Frames"]

_KEPT_IMAGES = 8
"""Images that are held at a time: decoded ahead, or in the hands of the caller."""

_DECODED_AHEAD, _KEPT_CHANGES = 2, 20


class Frames:
    """Gives every picture of a source its motion, and refuses motion that does not fit.

    Args:
        feed: Where the pictures come from.
        motion: Where motion comes from; ``auto`` changes to an encoding where the stream's own
            turns out not to fit, be it in the middle, until the stream starts anew. None looks for
            none, and frames rest.
        size: Height and width that frames are scaled to; their own by default.
        remedy: What to do about a refusal.
    """

    def __init__(
        self, feed: Feed, motion: LiveMotion | None, size: tuple[int, int] | None, remedy: str
    ) -> None:
        self._feed = feed
        self._motion = motion
        self._size = size
        self._remedy = remedy
        self._to_frame = ToFrame(feed.name, size, _KEPT_IMAGES)
        self._reencoder = Reencoder() if motion == "reencode" else None
        self._switch: str | None = None  # why motion comes from elsewhere, from the next frame on
        self._matcher = Matcher[Arrival]()
        self._evidence = Evidence()
        self._last_size: tuple[int, int] | None = None
        self._last_coded: tuple[int, int] | None = None
        self._num_encoded, self._encoding_seconds = 0, 0.0
        self._changes: list[dict[str, Any]] = []

    @property
    def use(self) -> MotionUse:
        """What became of the stream's own motion so far."""
        number, ms = self._num_encoded, 1e3 * self._encoding_seconds / max(1, self._num_encoded)
        return MotionUse(self._motion, self._evidence.share, number, round(ms, 3), self._changes)

    def read(self, stop: threading.Event) -> Generator[SourceFrame]:
        """Read the source to its end; decoding goes on in a thread of its own meanwhile.

        Args:
            stop: Set when nobody wants frames any more.
        """
        pictures = self._feed.arrivals(wants_motion=self._motion in ("codec", "auto"))
        reader = Reader(pictures, _DECODED_AHEAD, stop, name="decoder")
        try:
            while (arrival := reader.get()) is not None:
                yield from self._frames_of(arrival)
            yield from self._matched(self._matcher.flush())
        finally:
            reader.close()

    def _frames_of(self, arrival: Arrival) -> Iterator[SourceFrame]:
        """A frame and its motion, or others that waited for it."""
        if self._motion is None:
            frame = self._to_frame(arrival.numbered)
            yield self._with_restart(arrival, frame, BlockMotion.rest(frame.size, frame.index))
            return
        if self._motion != "reencode":
            picture, before = arrival.numbered.picture, self._last_coded
            self._last_coded = picture.height, picture.width
            what = arrival.obstacle or self._misfit(arrival)
            if what or arrival.restart or before not in (None, self._last_coded):
                yield from self._matched(self._matcher.flush())
                if not what and self._reencoder is not None:
                    self._evidence.forget_recent()
                    self._reencoder = None
                    self._switch = "the stream starts anew: its own motion vectors are tried again"
            if what and self._reencoder is None:
                self._change_to_encoding(what)
        if self._reencoder is not None:
            yield self._with_restart(arrival, *self._encoded(arrival, self._reencoder))
            return
        yield from self._matched(self._matcher.push(arrival.numbered, arrival))
        if self._motion == "auto" and (what := self._evidence.recent_obstacle()):
            yield from self._matched(self._matcher.flush())
            self._change_to_encoding(what)

    def _misfit(self, arrival: Arrival) -> str | None:
        """Why a picture's vectors do not fit it as it is to be given, if so."""
        picture = arrival.numbered.picture
        if what := motion_obstacle("h264", Orientation.of(picture)):
            return what
        size = picture.height, picture.width
        if self._size in (None, size):
            return None
        return f"is {size_text(size)}, and motion vectors do not scale to {size_text(self._size)}"

    def _matched(self, found: Iterable[tuple[Arrival, BlockMotion]]) -> Iterator[SourceFrame]:
        """Frames with motion of the codec's."""
        for arrival, step in found:
            self._evidence.add(step)
            frame = self._to_frame(arrival.numbered)
            has_motion = frame.picture_type != "I"
            yield self._with_restart(arrival, frame, step if has_motion else None)

    def _encoded(self, arrival: Arrival, reencoder: Reencoder) -> tuple[Frame, BlockMotion | None]:
        """A frame encoded after the one before it, and the motion of that."""
        frame = self._to_frame(arrival.numbered)
        if arrival.numbered.is_copy:
            return frame, BlockMotion.rest(frame.size, frame.index)
        if arrival.restart:
            self._reencoder = reencoder = Reencoder()
        start = time.thread_time()
        step = reencoder.step(frame, arrival.numbered.picture)
        self._encoding_seconds += time.thread_time() - start
        self._num_encoded += 1
        return replace(frame, picture_type="I" if step is None else "P"), step

    def _with_restart(
        self, arrival: Arrival, frame: Frame, step: BlockMotion | None
    ) -> SourceFrame:
        """A frame with its motion, or why nothing before it may be referred to."""
        restart = "start" if self._last_size is None else arrival.restart or self._switch
        if self._switch is not None and len(self._changes) < _KEPT_CHANGES:
            is_encoded = self._reencoder is not None
            change = {"frame": frame.index, "is_encoded": is_encoded, "why": self._switch}
            self._changes.append(change)
        self._switch = None
        if self._last_size is not None and self._last_size != frame.size:
            restart = f"size changed from {size_text(self._last_size)} to {size_text(frame.size)}"
        self._last_size = frame.size
        return SourceFrame(frame, None if restart else step, restart)

    def _change_to_encoding(self, what: str) -> None:
        """Take motion from an encoding from here on, or refuse the stream's."""
        if self._motion == "codec":
            raise NoMotionVectors(f"{self._feed.name} {what}; {self._remedy}")
        self._reencoder = Reencoder()
        self._switch = f"the stream {what}: its frames are encoded from here on"
