"""What packets say of the pictures in them, handed on to the decoded pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from av.codec.context import Flags, ThreadType
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.probe import MOTION_CODECS, codec_name

__all__ = ["Coded", "CodingOrder", "coded", "export_motion"]

_SLICES = (1, 2, 5)
"""Types of the units of H.264 that hold pictures."""


class Coded(NamedTuple):
    """What is known of a picture from its packet.

    Args:
        number: Its place in the order of decoding.
        is_reference: Whether others may refer to it; None if the packet does not say.
        is_corrupt: Whether the container knows that the packet is damaged.
    """

    number: int
    is_reference: bool | None
    is_corrupt: bool


def export_motion(stream: VideoStream) -> None:
    """Ask a decoder for motion vectors."""
    stream.codec_context.options |= {"flags2": "+export_mvs"}


def coded(picture: VideoFrame) -> Coded | None:
    """What the packet of a picture said; None if it did not come along."""
    known = picture.opaque
    return known if isinstance(known, Coded) else None


class CodingOrder:
    """Numbers the packets of a stream.

    Args:
        stream: The stream; nothing of it was decoded yet.
    """

    def __init__(self, stream: VideoStream) -> None:
        codec, context = codec_name(stream), stream.codec_context
        context.flags |= Flags.copy_opaque.value
        if codec in MOTION_CODECS and context.thread_type == ThreadType.SLICE:
            context.thread_count = 1  # slices decoded side by side are not said to have errors
        extradata = context.extradata or b""
        self._is_h264 = codec == "h264"
        # MP4 and Matroska put its length in front of each unit, others a start code
        self._length_bytes = (extradata[4] & 3) + 1 if extradata[:1] == b"\1" else 0
        self._count = 0

    def mark(self, packet: Packet[VideoStream]) -> None:
        """Note in a packet what it is."""
        is_reference = self._is_reference(packet) if self._is_h264 else None
        packet.opaque = Coded(self._count, is_reference, packet.is_corrupt)
        self._count += 1

    def _is_reference(self, packet: Packet[VideoStream]) -> bool | None:
        """Whether the first slice may be referred to (``nal_ref_idc``).

        Source: ITU-T H.264, section 7.4.1.
        """
        heads = self._unit_heads(bytes(packet))
        return next((bool(head & 96) for head in heads if head & 31 in _SLICES), None)

    def _unit_heads(self, content: bytes) -> Iterator[int]:
        """The first byte of each unit."""
        at = 0
        while self._length_bytes and at + self._length_bytes < len(content):
            start = at + self._length_bytes
            yield content[start]
            at = start + int.from_bytes(content[at:start], "big")
        while (
            not self._length_bytes and 0 <= (at := content.find(b"\0\0\1", at)) < len(content) - 3
        ):
            at += 3
            yield content[at]
