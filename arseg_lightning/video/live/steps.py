"""Gives every picture of a source its motion to the one before it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from arseg_lightning.types import BLOCK_SIZE, Frame, size_text
from arseg_lightning.video.conversion import ToRgb, to_frame
from arseg_lightning.video.errors import NoMotionVectors, UnsupportedReference, VideoError
from arseg_lightning.video.live.arrival import Arrival, Feed
from arseg_lightning.video.live.frame import LiveMotion, StreamedFrame
from arseg_lightning.video.live.reencoder import Reencoder
from arseg_lightning.video.motion import BlockMotion, block_motion
from arseg_lightning.video.probe import codec_name, motion_obstacle
from arseg_lightning.video.references import parse_h264_parameters, reference_obstacle

__all__ = ["Steps"]

_KEPT_IMAGES = 8
"""Images that are held at a time: decoded ahead, or in the hands of the caller."""

_START_OF_PACKET = 512
"""Bytes at a packet's start in which its parameter set is, if it has one."""


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
        self._has_start_codes = False
        self._last_size: tuple[int, int] | None = None

    def frames(self) -> Generator[StreamedFrame, None, None]:
        """Read the source to its end."""
        for arrival in self._feed.arrivals(self):
            yield self._step(arrival)

    def opened(self, stream: VideoStream | None) -> None:
        """Look at a stream before it is decoded, and ask for its vectors if they are to be used.

        Raises:
            NoMotionVectors: If it has none.
            UnsupportedReference: If they do not lead to the frame before.
        """
        if self._reencoder is not None or not self._finds_motion:
            return
        if stream is None:
            self._obstacle(NoMotionVectors, "holds images, which have no motion vectors")
            return
        codec = codec_name(stream)
        if what := motion_obstacle(codec, 0):
            self._obstacle(NoMotionVectors, what)
        elif what := reference_obstacle(stream):
            self._obstacle(UnsupportedReference, what)
        else:
            stream.codec_context.options = {"flags2": "+export_mvs"}
        extradata = stream.codec_context.extradata or b""
        self._has_start_codes = codec == "h264" and extradata[:1] != b"\x01"

    def read(self, packet: Packet[VideoStream]) -> None:
        """Look at a packet: its parameters may be others than those at the start."""
        if self._reencoder is None and self._has_start_codes and packet.is_keyframe:
            parameters = parse_h264_parameters(bytes(packet)[:_START_OF_PACKET])
            if parameters is not None and parameters.obstacle:
                self._obstacle(UnsupportedReference, parameters.obstacle)

    def _step(self, arrival: Arrival) -> StreamedFrame:
        """A frame and its motion, or why it has none."""
        frame, step = self._found(arrival)
        restart = "start" if self._last_size is None else arrival.restart or self._switch
        self._switch = None
        if self._last_size is not None and self._last_size != frame.size:
            restart = f"size changed from {size_text(self._last_size)} to {size_text(frame.size)}"
        self._last_size = frame.size
        return StreamedFrame(frame, None if restart else step, restart)

    def _found(self, arrival: Arrival) -> tuple[Frame, BlockMotion | None]:
        """A frame and its motion, wherever that comes from."""
        if not self._finds_motion:
            frame = self._frame(arrival, vectors=False)
            return frame, _rest(frame)
        found = self._from_codec(arrival) if self._reencoder is None else None
        return found or self._from_encoding(arrival)

    def _from_codec(self, arrival: Arrival) -> tuple[Frame, BlockMotion | None] | None:
        """Use the stream's own vectors; None if they do not fit and an encoding is made instead."""
        picture, is_copy = arrival.numbered.picture, arrival.numbered.is_copy
        frame = self._frame(arrival, vectors=True)
        if picture.rotation:
            what = motion_obstacle("h264", picture.rotation % 360)
            self._obstacle(NoMotionVectors, what or "")
        elif self._size is not None and self._size != frame.size:
            what = f"is {size_text(frame.size)}, and motion vectors do not scale to "
            what += size_text(self._size)
            self._obstacle(NoMotionVectors, what)
        elif frame.picture_type == "B" or _looks_ahead(frame):
            what = f"predicts frame {frame.index} from a later one, so that its vectors do not lead"
            self._obstacle(UnsupportedReference, f"{what} to the frame before it")
        if self._reencoder is not None:
            return None
        step = None if frame.picture_type == "I" else block_motion(frame)
        return replace(frame, vectors=None), _rest(frame) if is_copy else step

    def _from_encoding(self, arrival: Arrival) -> tuple[Frame, BlockMotion | None]:
        """Encode a picture behind the one before it, and use the vectors of that."""
        frame = self._frame(arrival, vectors=False)
        if arrival.numbered.is_copy:
            return frame, _rest(frame)
        if self._reencoder is None or arrival.restart:
            self._reencoder = Reencoder()
        step = self._reencoder.step(frame, arrival.numbered.picture)
        return replace(frame, picture_type="I" if step is None else "P"), step

    def _frame(self, arrival: Arrival, *, vectors: bool) -> Frame:
        return to_frame(
            arrival.numbered,
            self._feed.name,
            lambda _: arrival.seconds,
            motion=vectors,
            size=None if vectors else self._size,
            rgb=self._rgb,
        )

    def _obstacle(self, kind: type[VideoError], what: str) -> None:
        """Refuse the stream's vectors, or take them from an encoding from here on."""
        if not self._may_reencode:
            raise kind(f"{self._feed.name} {what}; {self._remedy}")
        self._reencoder = Reencoder()
        self._switch = f"the stream {what}: its frames are encoded from here on"


def _looks_ahead(frame: Frame) -> bool:
    return frame.vectors is not None and bool((frame.vectors["source"] > 0).any())


def _rest(frame: Frame) -> BlockMotion:
    """The motion of a frame that is the same as the one before it."""
    height, width = (-(-side // BLOCK_SIZE) for side in frame.size)
    return BlockMotion(np.zeros((2, height, width), np.int16), np.zeros((height, width), np.bool_))
