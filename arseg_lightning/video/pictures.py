"""Decodes packets into pictures, numbers them, and keeps count of what is lost."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.coded import CodingOrder
from arseg_lightning.video.errors import VideoDamageWarning
from arseg_lightning.video.probe import frame_rate, packets
from arseg_lightning.video.timeline import Timeline

__all__ = ["Damage", "NumberedPicture", "numbered_pictures"]


class NumberedPicture(NamedTuple):
    """A decoded picture and its place in the video."""

    place: int
    picture: VideoFrame
    is_copy: bool
    """Whether it stands in for a lost picture."""


@dataclass
class Damage:
    """What of a video could not be decoded.

    Args:
        path: The file, or what else messages call the video.
        refused: Packets that the decoder refused.
        faulty: Pictures that were decoded with errors.
        replaced: Indices of the pictures that never came and were replaced.
        cut: Pictures that the header promises and the file does not hold.
    """

    path: Path | str
    refused: int = 0
    faulty: int = 0
    replaced: list[int] = field(default_factory=list)
    cut: int = 0

    def warn(self) -> None:
        """Say it, if there is anything to say."""
        parts = []
        if self.replaced:
            some = ", ".join(map(str, self.replaced[:5])) + ", ..." * (len(self.replaced) > 5)
            parts.append(f"{len(self.replaced)} lost (index {some}), each replaced by a copy")
        elif self.refused:
            parts.append(f"{self.refused} lost and left out, those behind them move up")
        if self.faulty:
            parts.append(f"{self.faulty} decoded with errors")
        if self.cut:
            parts.append(f"about {self.cut} missing at the end")
        if parts:
            message = f"{self.path} is damaged: of its frames {'; '.join(parts)}; the rest is used"
            warnings.warn(VideoDamageWarning(message), stacklevel=3)


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
    index = start
    last: VideoFrame | None = None
    for picture in _pictures(container, stream, damage):
        place = timeline.index_of(picture.pts) if timeline else None
        if place is not None and place < start:
            continue  # a seek may go back too far, or pictures refer to what it skipped
        while place is not None and index < place:
            damage.replaced.append(index)
            yield NumberedPicture(index, last or picture, is_copy=True)
            index += 1
        yield NumberedPicture(index, picture, is_copy=False)
        index, last = index + 1, picture
    while timeline and last and index < len(timeline):
        damage.replaced.append(index)
        yield NumberedPicture(index, last, is_copy=True)
        index += 1


def _pictures(
    container: InputContainer, stream: VideoStream, damage: Damage
) -> Iterator[VideoFrame]:
    """Decode packet by packet, and go on behind those that cannot be decoded."""
    num_packets, end = 0, 0
    order = CodingOrder(stream)
    for packet in packets(container, stream):
        order.mark(packet)
        if packet.size:
            num_packets += 1
            end = max(end, (packet.pts or 0) + (packet.duration or 0))
        try:
            pictures = packet.decode()
        except av.FFmpegError:
            damage.refused += 1
            continue
        for picture in pictures:
            damage.faulty += picture.is_corrupt
            yield picture
    damage.cut = _num_missing(container, stream, num_packets, end)


def _num_missing(container: InputContainer, stream: VideoStream, num_packets: int, end: int) -> int:
    """Pictures that should follow after the last packet, by the header's count or duration."""
    if stream.frames:
        return max(0, stream.frames - num_packets)
    # Matroska counts no frames but says how long it is; other streams may last longer than ours.
    if "matroska" not in container.format.name or len(container.streams) > 1:
        return 0
    seconds = (container.duration or 0) / av.time_base - end * float(stream.time_base or 0)
    return max(0, int(seconds * frame_rate(stream)))
