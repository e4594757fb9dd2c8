"""A stream of sound on its way into an MP4: copied, or encoded as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

__all__ = ["SoundPacket", "Track", "codec_of", "sound_track"]

SoundPacket: TypeAlias = "Packet[AudioStream]"

_HELD = ("aac", "alac", "flac", "mp3", "opus")
"""What MP4 holds as it is and players expect there; few play PCM, and AC-3 is read on writing."""

_AAC = "aac"
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


class Track:
    """A stream that is copied.

    Args:
        source: Where it comes from.
        target: Where it goes.
        start: What its times are counted from, in seconds.
        trims: Whether a packet that begins before that is kept.
    """

    def __init__(
        self, source: AudioStream, target: AudioStream, start: Fraction, trims: bool
    ) -> None:
        self.target, self.start, self.trims = target, start, trims
        self.name = f"{codec_of(source)} copied"
        self._is_bare_aac = codec_of(source) == "aac" and bool(source.codec_context.extradata)
        self._last: Fraction | None = None

    def packets(self, packet: SoundPacket) -> Iterator[SoundPacket]:
        """What becomes of a packet."""
        if packet.pts is not None and packet.size and not self._misleads(packet):
            shift = round(self.start / packet.time_base)
            packet.dts = (packet.pts if packet.dts is None else packet.dts) - shift
            packet.pts -= shift
            packet.stream = self.target
            yield from self._in_order([packet])

    def rest(self) -> Iterator[SoundPacket]:
        """What is held back."""
        yield from ()

    def _misleads(self, packet: SoundPacket) -> bool:
        """Tell whether a damaged packet seems to have a header, at which FFmpeg would give up."""
        return self._is_bare_aac and bytes(packet)[:1] == b"\xff"

    def _in_order(self, packets: list[SoundPacket]) -> Iterator[SoundPacket]:
        """Leave out what is heard before the first picture, or goes back in time."""
        for packet in packets:
            if packet.pts is None or packet.dts is None:
                continue
            if packet.pts + (packet.duration or 0) * self.trims < self.trims:
                continue
            time = packet.dts * packet.time_base
            if self._last is None or time > self._last:
                self._last = time
                yield packet


class EncodedTrack(Track):
    """A stream that is decoded, and encoded as AAC."""

    def __init__(
        self, source: AudioStream, target: AudioStream, start: Fraction, trims: bool
    ) -> None:
        super().__init__(source, target, start, trims)
        self.source = source
        self.name = f"{codec_of(source)} as aac"

    def packets(self, packet: SoundPacket) -> Iterator[SoundPacket]:
        try:
            for frame in packet.decode():
                if frame.pts is not None and frame.time_base is not None:
                    frame.pts -= round(self.start / frame.time_base)
                    yield from self._in_order(self.target.encode(frame))
        except (av.FFmpegError, ValueError):  # damaged: what follows is heard at its own time
            self.name = f"{codec_of(self.source)} as aac, in part"

    def rest(self) -> Iterator[SoundPacket]:
        with suppress(av.FFmpegError, ValueError):  # it was refused a frame before
            yield from self._in_order(self.target.encode(None))


def sound_track(
    source: AudioStream, target: OutputContainer, start: Fraction, trims: bool
) -> Track:
    """Add a stream for another one."""
    if codec_of(source) in _HELD:
        return Track(source, target.add_stream_from_template(source), start, trims)
    if getattr(source, "codec_context", None) is None:
        raise ValueError("FFmpeg has no decoder for it")
    rate = source.rate if source.rate in _AAC_RATES else 48_000
    stream = target.add_stream(_AAC, rate=rate)
    if not isinstance(stream, AudioStream):
        raise ValueError(f"{_AAC} encodes no sound")
    stream.codec_context.layout = _LAYOUTS.get(source.channels, "stereo")
    return EncodedTrack(source, stream, start, trims)


def codec_of(source: AudioStream) -> str:
    """The codec's name, whatever the decoder that reads it is called."""
    # PyAV has no context for a codec that it does not know, whatever its types say.
    known = getattr(source, "codec_context", None) is not None
    return source.codec_context.codec.canonical_name if known else "unknown"
