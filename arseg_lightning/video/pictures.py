"""Decodes packets into pictures and numbers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.coded import CodingOrder
from arseg_lightning.video.damage import Damage, Ending
from arseg_lightning.video.frame_times import FrameTimes
from arseg_lightning.video.probe import packets
from arseg_lightning.video.timeline import Timeline

__all__ = ["NumberedPicture", "numbered_pictures"]


class NumberedPicture(NamedTuple):
    """A decoded picture and its place in the video."""

    place: int
    picture: VideoFrame
    seconds: float
    """Its time behind the first one."""
    is_copy: bool = False
    """Whether it stands in for a lost picture."""


def numbered_pictures(
    container: InputContainer,
    stream: VideoStream,
    timeline: Timeline | None,
    damage: Damage,
    start: int = 0,
) -> Iterator[NumberedPicture]:
    """Decode all that follows, numbered in display order, with copies in place of lost pictures.

    Args:
        container: The open file, at its start or behind a seek.
        stream: The stream to decode.
        timeline: Its timeline; without one, nothing is replaced and numbers have no gaps.
        damage: Is told what was lost.
        start: Index of the first picture that is wanted, where the container was set to.
    """
    times, index = FrameTimes(timeline, container, stream), start
    damage.keeps_indices = timeline is not None
    last: VideoFrame | None = None
    for picture in _pictures(container, stream, damage):
        place = timeline.index_of(picture.pts, index) if timeline else None
        if place is not None and place < start:
            continue  # a seek may go back too far, or pictures refer to what it skipped
        while place is not None and index < place:
            damage.replace(index)
            copied = last or picture
            yield NumberedPicture(index, copied, times.seconds(index, copied), is_copy=True)
            index += 1
        damage.see(picture)
        yield NumberedPicture(index, picture, times.seconds(index, picture))
        index, last = index + 1, picture
    while timeline and last and index < len(timeline):
        damage.replace(index)
        yield NumberedPicture(index, last, times.seconds(index, last), is_copy=True)
        index += 1


def _pictures(
    container: InputContainer, stream: VideoStream, damage: Damage
) -> Iterator[VideoFrame]:
    """Decode packet by packet, and go on behind those that cannot be decoded."""
    order, ending = CodingOrder(stream), Ending(container, stream)
    for packet in packets(container, stream):
        order.mark(packet)
        ending.read(packet)
        try:
            yield from packet.decode()
        except av.FFmpegError:
            damage.refuse()
    damage.cut = ending.num_missing()
