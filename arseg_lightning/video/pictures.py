"""Decodes packets into numbered pictures, and turns those into frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.codec.context import Flags, ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from arseg_lightning.types import Frame
from arseg_lightning.video.clock import Clock
from arseg_lightning.video.damage import Damage
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.probe import (
    MOTION_CODECS,
    codec_name,
    frame_rate,
    packets,
    quarter_turns,
)
from arseg_lightning.video.timeline import Timeline

__all__ = ["Coded", "NumberedPicture", "ToFrame", "coded", "decoded", "export_motion"]
__all__ += ["numbered_pictures", "picture_type", "skip_pixels"]

_START_CODE = b"\0\0\1"
_SLICES = (1, 2, 5)  # types of the units of H.264 that hold pictures
_SHORT_TYPES = {"SI": "I", "BI": "B", "SP": "P", "S": "P"}


class Coded(NamedTuple):
    """What is known of a picture from its packet."""

    number: int  # its position in the order of decoding
    is_reference: bool | None  # whether others may refer to it; None if the packet does not say
    is_corrupt: bool  # whether the container knows that the packet is damaged


class NumberedPicture(NamedTuple):
    """A decoded picture and its position in the video."""

    place: int  # its index in display order
    picture: VideoFrame
    seconds: float  # after the first one
    is_copy: bool = False  # whether it stands in for a lost picture


def export_motion(stream: VideoStream) -> None:
    """Ask a decoder for motion vectors."""
    stream.codec_context.options |= {"flags2": "+export_mvs"}


def skip_pixels(stream: VideoStream) -> None:
    """Let a decoder leave out what vectors do not depend on; its pictures are wrong then.

    That is the loop filter of H.264 and the inverse transform of MPEG. Not ``lowres``, which halves
    the time of MPEG once more: it makes the decoder silent about damage.
    """
    stream.codec_context.options |= {"skip_loop_filter": "all", "skip_idct": "all"}


def coded(picture: VideoFrame) -> Coded | None:
    """What the packet of a picture said; None if it did not come along."""
    known = picture.opaque
    return known if isinstance(known, Coded) else None


def numbered_pictures(
    container: InputContainer,
    stream: VideoStream,
    timeline: Timeline | None,
    damage: Damage,
    start: int = 0,
) -> Iterator[NumberedPicture]:
    """Decode all that follows, numbered in display order, with copies in place of lost pictures.

    Args:
        container: The open file, at its start or after a seek.
        stream: The stream to decode.
        timeline: Its timeline; without one, nothing is replaced and numbers have no gaps.
        damage: Is told what was lost.
        start: Index of the first picture that is wanted.
    """
    index, last, clock = start, None, Clock()
    clock.join(1 / frame_rate(stream))
    # AVI stores one time a frame, that of decoding; FFmpeg makes up another.
    is_avi = container.format.name == "avi"
    for picture in decoded(packets(container, stream), stream, damage):
        if timeline is None:
            at, base = picture.dts if is_avi else picture.pts, picture.time_base
            claimed = None if at is None or base is None else at * base
            seconds, _ = clock.tick(claimed)
        else:
            place = timeline.index_of(picture.pts)
            if place is not None and place < start:
                continue  # a seek may go back too far, or pictures refer to what it skipped
            while place is not None and index < place:
                damage.replaced.append(index)
                yield NumberedPicture(index, last or picture, timeline.seconds(index), True)
                index += 1
            seconds = timeline.seconds(index)
        damage.see(picture)
        yield NumberedPicture(index, picture, seconds)
        index, last = index + 1, picture
    while timeline and last and index < len(timeline):
        damage.replaced.append(index)
        yield NumberedPicture(index, last, timeline.seconds(index), True)
        index += 1
    damage.cut = timeline.num_missing if timeline else 0


def decoded(
    found: Iterable[Packet[VideoStream]], stream: VideoStream, damage: Damage
) -> Iterator[VideoFrame]:
    """Decode a stream packet by packet, from its first on, past those that cannot be decoded."""
    codec, context = codec_name(stream), stream.codec_context
    context.flags |= Flags.copy_opaque.value
    if codec in MOTION_CODECS and context.thread_type == ThreadType.SLICE:
        context.thread_count = 1  # slices decoded side by side are not said to have errors
    extradata = context.extradata or b""
    # MP4 and Matroska put its length in front of each unit, others a start code
    length_bytes = (extradata[4] & 3) + 1 if extradata[:1] == b"\1" else 0
    for number, packet in enumerate(found):
        is_reference = _is_reference(bytes(packet), length_bytes) if codec == "h264" else None
        packet.opaque = Coded(number, is_reference, packet.is_corrupt)
        try:
            yield from packet.decode()
        except av.FFmpegError:
            damage.refused += 1


def _is_reference(content: bytes, length_bytes: int) -> bool | None:
    """Whether the first slice of a packet of H.264 may be referred to (``nal_ref_idc``).

    Source: ITU-T H.264, section 7.4.1.
    """
    at = 0 if length_bytes else content.find(_START_CODE)
    while at >= 0 and (start := at + (length_bytes or len(_START_CODE))) < len(content):
        head = content[start]
        if head & 31 in _SLICES:
            return bool(head & 96)
        if length_bytes:
            at = start + int.from_bytes(content[at:start], "big")
        else:
            at = content.find(_START_CODE, start)
    return None


class ToFrame:
    """Turns pictures into frames: RGB, upright, with a picture type.

    Args:
        name: Their video, for messages.
        size: Height and width to scale to; their own by default.
    """

    def __init__(self, name: Path | str, size: tuple[int, int] | None = None) -> None:
        self._name = name
        self._size = size
        self._reformatter = VideoReformatter()

    def __call__(self, numbered: NumberedPicture) -> Frame:
        """Convert the colours, scale, and turn as the file asks for.

        Raises:
            VideoError: If the colours cannot be converted.
        """
        picture, turns = numbered.picture, quarter_turns(numbered.picture)
        height, width = self._size or (None, None)
        if turns % 2:
            height, width = width, height
        try:
            converted = self._reformatter.reformat(picture, width, height, "rgb24")
        except av.FFmpegError as error:
            raise VideoError(
                f"{self._name} asks for colours that cannot be converted to RGB "
                f"({picture.format.name}, colour space {picture.colorspace}); its header is "
                f"damaged, get it again"
            ) from error
        image = np.ascontiguousarray(np.rot90(converted.to_ndarray(), turns), np.uint8)
        return Frame(numbered.place, numbered.seconds, picture_type(numbered), image)


def picture_type(numbered: NumberedPicture) -> str:
    """One letter; a copy in place of a lost picture is a P-frame at rest."""
    kind = "P" if numbered.is_copy else PictureType(numbered.picture.pict_type).name
    return _SHORT_TYPES.get(kind, kind)
