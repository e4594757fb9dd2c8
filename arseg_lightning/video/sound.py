"""The sound of a video file, copied or encoded as AAC into an MP4 of other frames."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from arseg_lightning.video.probe import codec_name, file_name, open_video, packets
from arseg_lightning.video.timeline import read_timeline

__all__ = ["Sound"]

SoundPacket: TypeAlias = "Packet[AudioStream]"

_LATE_SECONDS = 2.0
"""Sound that begins later is not waited for."""

_COPIED = ("aac", "alac", "flac", "mp3", "opus")
"""Codecs that MP4 holds and players expect there; few play PCM, and AC-3 is read on writing."""

_AAC = "aac"
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


class Sound:
    """All audio streams of a file, at the times that they have beside its frames.

    Memory holds a packet, however long it is. A stream that MP4 can hold is copied, any other is
    encoded as AAC; one that can be neither, or breaks off, does not keep the frames from being
    written.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tracks: dict[int, _Track] = {}
        self._lost: list[str] = []
        self._container: InputContainer | None = None
        self._target: OutputContainer | None = None
        self._packets: Iterator[SoundPacket] = iter(())
        self._waiting: deque[SoundPacket] = deque()
        self._start = Fraction(0)  # seconds in the file at which its first frame is shown

    @property
    def summary(self) -> str:
        """What became of it, for a line about the video; empty if there is none."""
        names = ", ".join(each.name for each in self._tracks.values())
        return "; ".join([*([f"sound: {names}"] if names else []), *self._lost])

    def open(self) -> bool:
        """Open the file; tells whether all of its streams are fully known before the first frame.

        A stream that begins later is not, nor is AAC that describes itself in its packets.
        """
        timeline = read_timeline(self.path)
        if timeline is not None:
            self._start = int(timeline.pts[0]) * timeline.time_base
        else:
            with open_video(self.path) as (_, stream):
                self._start = (stream.start_time or 0) * (stream.time_base or Fraction(0))
        try:
            self._container = av.open(file_name(self.path))
        except (av.FFmpegError, ValueError):  # it has changed since its frames were opened
            return False
        streams = self._container.streams.audio
        if not streams:
            return False
        self._packets = packets(self._container, *streams)
        begun: set[int] = set()  # indices of streams that a packet has come of
        for packet in self._packets:
            self._waiting.append(packet)
            begun.add(packet.stream.index)
            if len(begun) == len(streams) or self._seconds(packet) > _LATE_SECONDS:
                break
        is_described = all(
            codec_name(each) != "aac" or each.codec_context.extradata for each in streams
        )
        is_early = all(self._seconds(packet) <= _LATE_SECONDS for packet in self._waiting)
        return is_described and is_early and len(begun) == len(streams)

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
                self._tracks[source.index] = _Track(source, target, self._start, trims)
            except (av.FFmpegError, ValueError, AttributeError) as error:
                self._lost.append(f"sound {number} cannot be kept ({error})")

    def write_until(self, seconds: float) -> None:
        """Write the sound up to some time after the first frame.

        Raises:
            av.FFmpegError: If the file takes no more.
        """
        while True:
            if not self._waiting:
                self._waiting.extend(islice(self._packets, 1))
            if not self._waiting or self._seconds(self._waiting[0]) >= seconds:
                return
            packet = self._waiting.popleft()
            if (track := self._tracks.get(packet.stream.index)) is not None:
                self._write(track.packets(packet))

    def finish(self, seconds: float) -> None:
        """Write the rest up to a time, with what encoders hold back."""
        self.write_until(seconds)
        for track in self._tracks.values():
            self._write(track.rest())

    def close(self) -> None:
        """Close the file that the sound comes from."""
        self._waiting.clear()
        self._packets = iter(())
        if self._container is not None:
            self._container.close()

    def _seconds(self, packet: SoundPacket) -> float:
        """Time of a packet after the first frame; one without a time is due at once."""
        if packet.pts is None:
            return -math.inf
        return float(packet.pts * packet.time_base - self._start)

    def _write(self, packets: Iterable[SoundPacket]) -> None:
        for packet in packets:
            if self._target is not None:
                self._target.mux(packet)


class _Track:
    """A stream to be written into an MP4: copied if players expect its codec there, else as AAC.

    Args:
        source: The stream.
        target: The file that it is added to.
        start: Seconds that its times are counted from.
        trims: Whether a packet that begins before that is kept.
    """

    def __init__(
        self, source: AudioStream, target: OutputContainer, start: Fraction, trims: bool
    ) -> None:
        codec = codec_name(source)
        self._start, self._trims = start, trims
        self._last: Fraction | None = None
        self._is_copied = codec in _COPIED
        if self._is_copied:
            self.name = f"{codec} copied"
            self._is_bare_aac = codec == "aac" and bool(source.codec_context.extradata)
            self._target = target.add_stream_from_template(source)
            return
        if codec == "unknown":
            raise ValueError("FFmpeg has no decoder for it")
        self.name = f"{codec} as aac"
        rate = source.rate if source.rate in _AAC_RATES else 48_000
        stream = target.add_stream(_AAC, rate=rate)
        if not isinstance(stream, AudioStream):
            raise ValueError(f"{_AAC} encodes no sound")
        stream.codec_context.layout = _LAYOUTS.get(source.channels, "stereo")
        self._target = stream

    def packets(self, packet: SoundPacket) -> Iterator[SoundPacket]:
        """What is written for a packet of the source."""
        if self._is_copied:
            # A damaged packet of bare AAC may seem to have a header: FFmpeg would give up at it.
            is_misleading = self._is_bare_aac and bytes(packet)[:1] == b"\xff"
            if packet.pts is not None and packet.size and not is_misleading:
                shift = round(self._start / packet.time_base)
                packet.dts = (packet.pts if packet.dts is None else packet.dts) - shift
                packet.pts -= shift
                packet.stream = self._target
                yield from self._in_order([packet])
            return
        try:
            for frame in packet.decode():
                if frame.pts is not None and frame.time_base is not None:
                    frame.pts -= round(self._start / frame.time_base)
                    yield from self._in_order(self._target.encode(frame))
        except (av.FFmpegError, ValueError):  # damaged: what follows is heard at its own time
            self.name = f"{self.name.removesuffix(', in part')}, in part"

    def rest(self) -> Iterator[SoundPacket]:
        """What an encoder holds back."""
        if not self._is_copied:
            with suppress(av.FFmpegError, ValueError):  # it was refused a frame before
                yield from self._in_order(self._target.encode(None))

    def _in_order(self, packets: list[SoundPacket]) -> Iterator[SoundPacket]:
        """Leave out packets that end before the first frame, or go back in time."""
        for packet in packets:
            if packet.pts is None or packet.dts is None:
                continue
            # A file that trims may begin with a packet that ends after the first frame.
            if packet.pts + (packet.duration or 0) * self._trims < self._trims:
                continue
            time = packet.dts * packet.time_base
            if self._last is None or time > self._last:
                self._last = time
                yield packet
