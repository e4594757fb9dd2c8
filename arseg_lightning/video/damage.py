"""Counts what of a video is lost, damaged or missing at its end, and says it."""

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
"""Time that goes on by more, or goes back, is that of another recording."""

_LAST_PACKETS = 2
"""After a damaged packet, in which it shows that the recording ends there."""

_TIMED_FORMATS = ("matroska,", "flv")
_EVEN = 1.5
"""Longest interval between pictures, in typical ones, of a stream whose frame rate is constant."""


@dataclass
class Damage:
    """What of a video could not be decoded.

    Args:
        path: The file, or what else messages call the video.
        refused: Packets that the decoder refused.
        faulty: Pictures that were decoded with errors.
        affected: Pictures up to a keyframe after those: they may be predicted from them.
        replaced: Indices of the pictures that never came and were replaced.
        cut: Pictures that the header promises and the file does not hold.
        keeps_places: Whether every picture that is lost is replaced.
    """

    path: Path | str
    refused: int = 0
    faulty: int = 0
    affected: int = 0
    replaced: list[int] = field(default_factory=list)
    cut: int = 0
    keeps_places: bool = False
    _spreads: bool = False
    _in_doubt: int | None = None  # pictures seen after one whose packet may be damaged
    _last_seconds: Fraction | None = None

    def refuse(self) -> None:
        """Note that the decoder refused a packet."""
        self.refused += 1
        self._spreads = True

    def replace(self, index: int) -> None:
        """Note that a picture never came."""
        self.replaced.append(index)
        self._spreads = True

    def see(self, picture: VideoFrame) -> None:
        """Look at the next decoded picture."""
        before, self._last_seconds = self._last_seconds, claimed_seconds(picture)
        jumps = (
            before is not None
            and self._last_seconds is not None
            and not 0 <= self._last_seconds - before <= _JOIN_SECONDS
        )
        if self._in_doubt is not None:
            self._resolve(joins=jumps and picture.key_frame)
        if picture.key_frame:
            self._spreads = False
        known = coded(picture)
        if picture.is_corrupt:
            self.faulty += 1
            self._spreads = True
        elif known is not None and known.is_corrupt and self._in_doubt is None:
            self._in_doubt = 0
        else:
            self.affected += self._spreads

    def leave(self) -> None:
        """Note that nobody reads on: what is in doubt may be the end of a recording."""
        self._in_doubt = None

    def _resolve(self, joins: bool) -> None:
        """Decide on a picture whose packet was said to be damaged, and that decoded without errors.

        One of the last packets of a recording that another one was joined to is said to be, too.
        """
        self._in_doubt = (self._in_doubt or 0) + 1
        if joins:
            self._in_doubt = None
        elif self._in_doubt > _LAST_PACKETS:
            self.faulty += 1
            self.affected += _LAST_PACKETS
            self._in_doubt, self._spreads = None, True

    @property
    def num_lost(self) -> int:
        """How often something was lost or damaged so far."""
        return self.refused + self.faulty + len(self.replaced)

    @property
    def summary(self) -> str:
        """It in words; empty if there is none."""
        parts, faulty = [], self.faulty + (self._in_doubt is not None)
        if self.keeps_places:  # what was refused without being lost was decoded in part
            faulty += max(0, self.refused - len(self.replaced))
        if self.replaced:
            some = ", ".join(map(str, self.replaced[:5])) + ", ..." * (len(self.replaced) > 5)
            parts.append(f"{len(self.replaced)} lost (index {some}), each replaced by a copy")
        elif self.refused and not self.keeps_places:
            parts.append(f"{self.refused} lost and left out, those behind them move up")
        if faulty:
            parts.append(f"{faulty} decoded with errors")
        if parts and self.affected:
            parts.append(f"up to {self.affected} after those, until a keyframe, built on them")
        if self.cut:
            parts.append(f"about {self.cut} missing at the end")
        return "; ".join(parts)

    def warn(self) -> None:
        """Say it, if there is anything to say."""
        if summary := self.summary:
            message = f"{self.path} is damaged: of its frames {summary}; the rest is used"
            warnings.warn(VideoDamageWarning(message), stacklevel=3)


class Ending:
    """Compares what a file's header promises with the packets that are read.

    Args:
        container: The file, opened and not read yet.
        stream: The stream that is read, from its start to its end or from a seek on.
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
        """Pictures that should follow after the last packet."""
        name = self._container.format.name
        promised = self._stream.frames
        if name.startswith("mov,"):
            promised = len(self._stream.index_entries)  # without those that an edit list hides
        elif name == "avi":  # counts what was not captured, too
            promised -= self._end - self._num_packets
        elif name.startswith(_TIMED_FORMATS) and len(self._container.streams) == 1:
            # They count no frames but say how long they are, as long as the longest stream.
            promised = self._promised_by_duration() if len(self._times) > 1 else promised
        return max(0, promised - self._num_packets)

    def _promised_by_duration(self) -> int:
        """Packets that fill the duration of the file; as many as there are if it is uncertain."""
        times = np.unique(self._times)
        intervals = np.diff(times)
        typical, longest = float(np.median(intervals)), int(intervals.max())
        ticks = (self._container.duration or 0) / av.time_base / float(self._stream.time_base or 1)
        if longest <= _EVEN * typical:
            return round((ticks - int(times[0])) / typical)
        return self._num_packets + round((ticks - int(times[-1])) / longest) - 1
