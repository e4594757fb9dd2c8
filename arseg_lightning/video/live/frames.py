"""Turns the pictures of a source into frames with motion."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from arseg_lightning.types import Frame, size_text
from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.live.feeds import Arrival, Feed
from arseg_lightning.video.live.frame import LiveMotion, SourceFrame
from arseg_lightning.video.live.reader import Reader
from arseg_lightning.video.live.reencoder import Reencoder
from arseg_lightning.video.matching import Matcher
from arseg_lightning.video.motion import BlockMotion, Evidence
from arseg_lightning.video.pictures import ToFrame
from arseg_lightning.video.probe import motion_obstacle, quarter_turns

__all__ = ["Frames"]

_DECODED_AHEAD = 2


class Frames:
    """Gives every picture of a source its motion, and refuses motion that does not fit.

    Args:
        feed: Where the pictures come from.
        motion: Where motion comes from; ``auto`` changes to an encoding where the stream's own
            turns out not to fit, be it in the middle. None looks for none, and frames rest.
    """

    def __init__(self, feed: Feed, motion: LiveMotion | None) -> None:
        self._feed = feed
        self._motion = motion
        self._to_frame = ToFrame(feed.name)
        self._reencoder = Reencoder() if motion == "reencode" else None
        self._why_encoded: str | None = None
        self._restart: str | None = "start"  # why the next frame refers to none before it
        self._matcher = Matcher[Arrival]()
        self._evidence = Evidence()
        self._last_size: tuple[int, int] | None = None
        self._num_encoded, self._encoding_seconds = 0, 0.0

    @property
    def use(self) -> dict[str, Any]:
        """What became of the stream's own motion so far."""
        number = self._num_encoded
        return {
            "asked": self._motion,  # None if nobody looks at motion
            "matching_share": self._evidence.share,  # of the area with vectors
            "encoded_frames": number,  # on the fly
            "encoding_ms": round(1e3 * self._encoding_seconds / max(1, number), 3),  # mean
            "why_encoded": self._why_encoded,
        }

    def read(self, stop: threading.Event) -> Generator[SourceFrame]:
        """Read to the end, or to ``stop``; decoding goes on in a thread of its own meanwhile."""
        pictures = self._feed.arrivals(wants_motion=self._motion in ("codec", "auto"))
        reader = Reader(pictures, _DECODED_AHEAD, stop)
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
        if self._reencoder is None:
            what = motion_obstacle(arrival.codec, quarter_turns(arrival.numbered.picture))
            if what or arrival.restart:
                yield from self._matched(self._matcher.flush())
            if what:
                self._change_to_encoding(what)
        if self._reencoder is not None:
            yield self._with_restart(arrival, *self._encoded(arrival, self._reencoder))
            return
        yield from self._matched(self._matcher.push(arrival.numbered, arrival))
        if self._motion == "auto" and (what := self._evidence.recent_obstacle()):
            yield from self._matched(self._matcher.flush())
            self._change_to_encoding(what)

    def _matched(self, found: Iterable[tuple[Arrival, BlockMotion]]) -> Iterator[SourceFrame]:
        """Frames with motion of the codec's."""
        for arrival, step in found:
            self._evidence.add(step)
            frame = self._to_frame(arrival.numbered)
            yield self._with_restart(arrival, frame, None if frame.picture_type == "I" else step)

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
        restart, before = self._restart or arrival.restart, self._last_size
        if before is not None and before != frame.size:
            restart = f"size changed from {size_text(before)} to {size_text(frame.size)}"
        self._restart, self._last_size = None, frame.size
        return SourceFrame(frame, None if restart else step, restart)

    def _change_to_encoding(self, what: str) -> None:
        """Take motion from an encoding from here on, or refuse the stream's."""
        if self._motion == "codec":
            raise NoMotionVectors(
                f"{self._feed.name} {what}; use --motion reencode, which encodes the frames on the "
                f"fly to find their motion"
            )
        self._reencoder = Reencoder()
        self._why_encoded = f"the stream {what}"
        self._restart = self._restart or f"{self._why_encoded}: its frames are encoded from here on"
