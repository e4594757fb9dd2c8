"""The display order of a video's frames, read from its packets without decoding them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.video.probe import codec_name, frame_rate, open_video, packets

__all__ = ["Timeline", "read_timeline"]

_INDEXED_FORMATS = ("mov,", "matroska,")

_MAX_REORDERING = 16
"""Positions by which a picture may be shown earlier or later than coded: the limit of H.264."""


@dataclass(frozen=True)
class Timeline:
    """When each frame of a video is shown.

    The first frame is no keyframe where frames before it are decoded and not shown (an edit list).
    """

    pts: NDArray[np.int64]  # presentation time of every frame, ascending, in units of time_base
    keyframes: NDArray[np.int64]  # indices of frames at which decoding can start, ascending
    keyframe_dts: NDArray[np.int64]  # decoding time of each of them
    time_base: Fraction  # seconds a unit
    interval: Fraction  # seconds of a frame, by the frame rate
    seekable: bool  # whether the container has an index that leads to keyframes exactly
    num_missing: int  # about how many frames the header promises and the file does not hold

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.pts)

    def index_of(self, pts: int | None) -> int | None:
        """The frame that is shown at a time; None if there is none."""
        if pts is None:
            return None
        index = int(self.pts.searchsorted(pts))
        return index if index < len(self) and self.pts[index] == pts else None

    def seconds(self, index: int) -> float:
        """Time of a frame after the first one; beyond the last one it goes by the frame rate."""
        known = min(index, len(self) - 1)
        ticks, unit = int(self.pts[known] - self.pts[0]), self.time_base
        seconds = ticks * unit.numerator / unit.denominator  # as exact as a Fraction, and faster
        return seconds + float((index - known) * self.interval) if index > known else seconds

    def keyframe_before(self, index: int) -> int:
        """The last frame, up to this one, at which decoding can start; the first at worst."""
        place = int(np.searchsorted(self.keyframes, index, side="right"))
        return int(self.keyframes[place - 1]) if self.seekable and place else 0

    def seek(self, container: InputContainer, stream: VideoStream, keyframe: int) -> None:
        """Set the container to a keyframe, or to one before it."""
        place = int(np.searchsorted(self.keyframes, keyframe))
        container.seek(int(self.keyframe_dts[place]), stream=stream)


def read_timeline(path: Path) -> Timeline | None:
    """Read a file's packets; the answer is remembered while the file stays the same.

    Returns:
        None where packets do not say when their pictures are shown: raw streams, AVI with
        B-frames, pictures that are never shown (VP8) or at one time, a damaged header.
    """
    stat = path.stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _read(path: Path, size: int, mtime_ns: int) -> Timeline | None:
    with open_video(path) as (container, stream):
        name = container.format.name
        # AVI stores no display order, so FFmpeg makes one up.
        made_up = name == "avi" and stream.codec_context.has_b_frames
        if made_up or codec_name(stream) == "vp8" or stream.time_base is None:
            return None
        found = [
            (packet.pts, packet.dts, packet.is_keyframe, packet.is_discard)
            for packet in packets(container, stream)
            if packet.size
        ]
        if not found or not found[0][2] or any(pts is None for pts, *_ in found):
            return None
        # Matroska stores no decoding times, and is searched by presentation time.
        rows = np.array([(p, p if d is None else d, *flags) for p, d, *flags in found], np.int64)
        order = np.argsort(rows[:, 0], kind="stable")
        farthest = np.abs(order - np.arange(len(order))).max()
        shown = rows[order][rows[order, 3] == 0]  # without what an edit list hides
        times = shown[:, 0]
        if order[0] != 0 or farthest > _MAX_REORDERING or not len(times):
            return None
        if (np.diff(times) == 0).any():
            return None
        keyframes = np.flatnonzero(shown[:, 2])
        return Timeline(
            pts=times,
            keyframes=keyframes,
            keyframe_dts=shown[keyframes, 1],
            time_base=stream.time_base,
            interval=1 / frame_rate(stream),
            seekable=name.startswith(_INDEXED_FORMATS),
            num_missing=max(0, _num_missing(container, stream, rows[:, 0])),
        )


def _num_missing(container: InputContainer, stream: VideoStream, pts: NDArray[np.int64]) -> int:
    """How many frames should follow the last packet, by what the header of a format says."""
    name, last = container.format.name, int(pts.max())
    if name.startswith("mov,"):
        return len(stream.index_entries) - len(pts)
    if name == "avi":  # times count frames
        return stream.frames - (last + 1)
    if name.startswith(("matroska,", "flv")) and len(container.streams) == 1 and len(pts) > 1:
        # They count no frames, and their duration is that of the longest stream.
        end = (container.duration or 0) / av.time_base / float(stream.time_base or 1)
        return round((end - last) / int(np.diff(np.sort(pts)).max())) - 1
    return 0
