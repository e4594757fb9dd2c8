"""Counts of the frames of a video that are lost, damaged or missing at its end."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.clock import claimed_seconds
from arseg_lightning.video.coded import coded
from arseg_lightning.video.errors import VideoDamageWarning

__all__ = ["Damage", "Ending"]

_JOIN_SECONDS = 1
"""Time that advances by more, or goes back, is that of another recording."""

_LAST_PACKETS = 2
"""Packets after a damaged one in which it shows that the recording ends there."""

_TIMED_FORMATS = ("matroska,", "flv")
_EVEN = 1.5
"""Longest interval between frames, in typical ones, of a stream whose frame rate is constant."""


@dataclass
class Damage:
    """Frames of a video that could not be decoded.

    Args:
        path: The file, or what else messages call the video.
        refused: Packets that the decoder refused.
        faulty: Frames that were decoded with errors.
        affected: Frames up to a keyframe after those: they may be predicted from them.
        replaced: Indices of the frames that never came and were replaced.
        cut: Frames that the header promises and the file does not hold.
        keeps_indices: Whether every frame that is lost is replaced.
    """

    path: Path | str
    refused: int = 0
    faulty: int = 0
    affected: int = 0
    replaced: list[int] = field(default_factory=list)
    cut: int = 0
    keeps_indices: bool = False
    _spreads: bool = False
    _in_doubt: int | None = None  # frames seen after one whose packet may be damaged
    _last_seconds: Fraction | None = None

    def refuse(self) -> None:
        """Note that the decoder refused a packet."""
        self.refused += 1
        self._spreads = True

    def replace(self, index: int) -> None:
        """Note that a frame never came."""
        self.replaced.append(index)
        self._spreads = True

    def see(self, frame: VideoFrame) -> None:
        """Inspect the next decoded frame."""
        before, self._last_seconds = self._last_seconds, claimed_seconds(frame)
        if self._in_doubt is not None:
            # A frame decoded without errors although its packet was marked as damaged. So is one
            # of the last packets of a recording that another one was joined to.
            self._in_doubt += 1
            jumps = (
                before is not None
                and self._last_seconds is not None
                and not 0 <= self._last_seconds - before <= _JOIN_SECONDS
            )
            if jumps and frame.key_frame:
                self._in_doubt = None
            elif self._in_doubt > _LAST_PACKETS:
                self.faulty += 1
                self.affected += _LAST_PACKETS
                self._in_doubt, self._spreads = None, True
        if frame.key_frame:
            self._spreads = False
        known = coded(frame)
        if frame.is_corrupt:
            self.faulty += 1
            self._spreads = True
        elif known is not None and known.is_corrupt and self._in_doubt is None:
            self._in_doubt = 0
        else:
            self.affected += self._spreads

    def leave(self) -> None:
        """Note that reading stops early: a frame in doubt may be the end of a recording."""
        self._in_doubt = None

    @property
    def num_lost(self) -> int:
        """How often something was lost or damaged so far."""
        return self.refused + self.faulty + len(self.replaced)

    @property
    def summary(self) -> str:
        """The damage in words; empty if there is none."""
        parts, faulty = [], self.faulty + (self._in_doubt is not None)
        if self.keeps_indices:  # packets that were refused without a loss were decoded in part
            faulty += max(0, self.refused - len(self.replaced))
        if self.replaced:
            some = ", ".join(map(str, self.replaced[:5])) + ", ..." * (len(self.replaced) > 5)
            parts.append(f"{len(self.replaced)} lost (index {some}), each replaced by a copy")
        elif self.refused and not self.keeps_indices:
            parts.append(f"{self.refused} lost and left out, those after them move up")
        if faulty:
            parts.append(f"{faulty} decoded with errors")
        if parts and self.affected:
            parts.append(f"up to {self.affected} after those, until a keyframe, built on them")
        if self.cut:
            parts.append(f"about {self.cut} missing at the end")
        return "; ".join(parts)

    def warn(self) -> None:
        """Warn of the damage, if there is any."""
        if summary := self.summary:
            message = f"{self.path} is damaged: of its frames {summary}; the rest is used"
            warnings.warn(VideoDamageWarning(message), stacklevel=3)


class Ending:
    """Compares what a file's header promises with the packets that are read.

    Args:
        container: The file, opened and not read yet.
        stream: The stream that is read, from its start or a seek to its end.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container = container
        self._stream = stream
        self._num_packets = 0
        self._end = 0
        self._times: list[int] = []

    def read(self, packet: Packet[VideoStream]) -> None:
        """Count a packet."""
        if packet.size:
            self._num_packets += 1
            self._end = max(self._end, (packet.dts or 0) + (packet.duration or 1))
            if packet.pts is not None:
                self._times.append(packet.pts)

    def num_missing(self) -> int:
        """Number of frames that should follow after the last packet."""
        name, promised = self._container.format.name, self._stream.frames
        is_timed = name.startswith(_TIMED_FORMATS) and len(self._container.streams) == 1
        if name.startswith("mov,"):
            promised = len(self._stream.index_entries)  # without those that an edit list hides
        elif name == "avi":  # counts frames that were not captured, too
            promised -= self._end - self._num_packets
        elif is_timed and len(self._times) > 1:
            # They count no frames, and their duration is that of the longest stream.
            times = np.unique(self._times)
            intervals = np.diff(times)
            typical, longest = float(np.median(intervals)), int(intervals.max())
            tick_seconds = float(self._stream.time_base or 1)
            duration = (self._container.duration or 0) / av.time_base / tick_seconds
            if longest <= _EVEN * typical:
                promised = round((duration - int(times[0])) / typical)
            else:  # no more than is certain
                rest = round((duration - int(times[-1])) / longest)
                promised = self._num_packets + rest - 1
        return max(0, promised - self._num_packets)
