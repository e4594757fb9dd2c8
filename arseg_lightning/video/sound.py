"""The sound of a video file, copied into an MP4 of other frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from arseg_lightning.video.probe import codec_name, file_name, packets, video_stream

__all__ = ["Sound"]

_COPIED = ("aac", "alac", "flac", "mp3", "opus")
"""Codecs that MP4 holds and players expect there."""


class Sound:
    """The audio streams of a file that MP4 can hold, at the times that they have beside its frames.

    Args:
        path: The file.
        target: The file that they are added to; nothing was written to it yet.
    """

    def __init__(self, path: Path, target: OutputContainer) -> None:
        self._target = target
        self._container = av.open(file_name(path))
        video = video_stream(path, self._container)
        # seconds of the file's clock at which its first frame is shown
        self._start = (video.start_time or 0) * (video.time_base or Fraction(0))
        streams = self._container.streams.audio
        kept = [each for each in streams if codec_name(each) in _COPIED]
        self._streams = {each.index: target.add_stream_from_template(each) for each in kept}
        self._packets = packets(self._container, *kept) if kept else iter(())
        self._next: Packet[AudioStream] | None = next(self._packets, None)
        notes = [
            f"{codec_name(each)} {'copied' if each in kept else 'left out'}" for each in streams
        ]
        self.summary = f"sound: {', '.join(notes)}" if notes else ""
        """What became of it, for a line about the video; empty if there is none."""

    def write_until(self, seconds: float) -> None:
        """Write the sound up to some time after the first frame."""
        while (packet := self._next) is not None:
            if packet.pts is not None and packet.size:
                shift = round(self._start / packet.time_base)
                if (packet.pts - shift) * packet.time_base >= seconds:
                    return
                if packet.pts >= shift:  # what is heard before the first frame goes
                    packet.dts = packet.pts = packet.pts - shift
                    packet.stream = self._streams[packet.stream.index]
                    try:
                        self._target.mux(packet)
                    except av.FFmpegError:
                        # Damaged; a disk that is full is noticed at the next frame, too.
                        self._next, self.summary = None, f"{self.summary}, in part"
                        return
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the file that the sound comes from."""
        self._container.close()
