"""How many pictures a file should hold that it ends before."""

from __future__ import annotations

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

__all__ = ["Ending"]

_TIMED = ("matroska,", "flv")
_EVEN = 1.5
"""Longest interval between pictures, in typical ones, of a stream whose frame rate is constant."""


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
        return max(0, self._promised() - self._num_packets)

    def _promised(self) -> int:
        name = self._container.format.name
        if name.startswith("mov,"):
            return len(self._stream.index_entries)  # without those that an edit list leaves out
        if name == "avi":  # counts what was not captured, too
            return self._stream.frames - self._end + self._num_packets
        # They count no frames but say how long they are; other streams may last longer than ours.
        timed = name.startswith(_TIMED) and len(self._container.streams) == 1
        if timed and len(self._times) > 1:
            return self._by_duration()
        return self._stream.frames

    def _by_duration(self) -> int:
        """Promised packets by the duration of the file; as many as there are if it is uncertain."""
        times = np.unique(self._times)
        intervals = np.diff(times)
        typical, longest = float(np.median(intervals)), int(intervals.max())
        ticks = (self._container.duration or 0) / av.time_base / float(self._stream.time_base or 1)
        if longest <= _EVEN * typical:
            return round((ticks - int(times[0])) / typical)
        return self._num_packets + round((ticks - int(times[-1])) / longest) - 1
