"""The sound of a video file, kept in an MP4 of other pictures."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from arseg_lightning.video.probe import file_name, open_video
from arseg_lightning.video.sound_track import SoundPacket, Track, codec_of, sound_track
from arseg_lightning.video.timeline import read_timeline

__all__ = ["Sound"]


_LATE_SECONDS = 2.0
"""Sound that begins later is not waited for."""


class Sound:
    """All audio streams of a file, at the times that they have beside its pictures.

    Memory holds a packet, however long it is. A stream that MP4 can hold is copied, any other is
    encoded as AAC; one that can be neither, or breaks off, does not keep the pictures from being
    written.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tracks: dict[int, Track] = {}
        self._lost: list[str] = []
        self._container: InputContainer | None = None
        self._target: OutputContainer | None = None
        self._packets: Iterator[SoundPacket] = iter(())
        self._waiting: deque[SoundPacket] = deque()
        self._start = Fraction(0)

    @property
    def summary(self) -> str:
        """What became of it, for a line about the video; empty if there is none."""
        kept = [f"sound: {', '.join(each.name for each in self._tracks.values())}"]
        return "; ".join([*(kept if self._tracks else []), *self._lost])

    def open(self) -> bool:
        """Open the file; tells whether all is known of all of its streams before the pictures.

        Of a stream that begins later it is not, nor of AAC that says in its packets what it is.
        """
        self._start = _first_picture_seconds(self.path)
        try:
            self._container = av.open(file_name(self.path))
        except (av.FFmpegError, ValueError):  # it has changed since its pictures were opened
            return False
        streams = self._container.streams.audio
        self._packets = _readable(self._container, streams) if streams else iter(())
        begun: set[int] = set()
        for packet in self._packets:
            self._waiting.append(packet)
            begun.add(packet.stream.index)
            if len(begun) == len(streams) or self._seconds(packet) > _LATE_SECONDS:
                break
        says = all(codec_of(each) != "aac" or each.codec_context.extradata for each in streams)
        early = all(self._seconds(packet) <= _LATE_SECONDS for packet in self._waiting)
        return bool(streams) and says and early and len(begun) == len(streams)

    def add_to(self, target: OutputContainer, trims: bool) -> None:
        """Add the streams to a file that nothing was written to yet.

        Args:
            target: The file.
            trims: Whether it can leave out a part of a packet.
        """
        self._target = target
        sources = self._container.streams.audio if self._container is not None else ()
        for number, source in enumerate(sources, start=1):
            try:
                self._tracks[source.index] = sound_track(source, target, self._start, trims)
            except (av.FFmpegError, ValueError, AttributeError) as error:
                self._lost.append(f"sound {number} cannot be kept ({error})")

    def write_until(self, seconds: float) -> None:
        """Write what is heard until some time after the first picture.

        Raises:
            av.FFmpegError: If the file takes no more.
        """
        while (packet := self._peek()) is not None:
            if self._seconds(packet) >= seconds:
                return
            self._waiting.popleft()
            track = self._tracks.get(packet.stream.index)
            self._write(track.packets(packet) if track else ())

    def finish(self, seconds: float) -> None:
        """Write the rest up to a time, with what encoders hold back."""
        self.write_until(seconds)
        for track in self._tracks.values():
            self._write(track.rest())

    def close(self) -> None:
        """Let go of the file that it comes from."""
        self._waiting.clear()
        self._packets = iter(())
        if self._container is not None:
            self._container.close()

    def _peek(self) -> SoundPacket | None:
        """The next packet."""
        if not self._waiting:
            self._waiting.extend(islice(self._packets, 1))
        return self._waiting[0] if self._waiting else None

    def _seconds(self, packet: SoundPacket) -> float:
        """When a packet is heard; one that does not say so is due."""
        if packet.pts is None:
            return -math.inf
        return float(packet.pts * packet.time_base - self._start)

    def _write(self, packets: Iterable[SoundPacket]) -> None:
        if self._target is not None:
            for packet in packets:
                self._target.mux(packet)


def _readable(container: InputContainer, streams: Sequence[AudioStream]) -> Iterator[SoundPacket]:
    """Packets as far as the file can be read."""
    with suppress(av.FFmpegError, IndexError):  # the last: streams that come and go
        for packet in container.demux(list(streams)):
            yield cast("SoundPacket", packet)


def _first_picture_seconds(path: Path) -> Fraction:
    """The time in the file that is zero for its pictures."""
    timeline = read_timeline(path)
    if timeline is not None:
        return int(timeline.pts[0]) * timeline.time_base
    with open_video(path) as (_, stream):
        if stream.start_time is None or stream.time_base is None:
            return Fraction(0)
        return stream.start_time * stream.time_base
