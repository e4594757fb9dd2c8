"""The display order of a video's frames, read from its packets without decoding them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.video.probe import codec_name, open_video, packets

__all__ = ["Timeline", "read_timeline"]

_INDEXED_FORMATS = ("mov,", "matroska,")

_MAX_REORDERING = 16
"""Places by which a picture may be shown earlier or later than coded: the limit of H.264."""


@dataclass(frozen=True)
class Timeline:
    """When each frame of a video is shown.

    Args:
        pts: Presentation time of every frame in display order, int64, in units of ``time_base``.
        keyframes: Index of every frame at which decoding can start, ascending.
        keyframe_dts: Decoding time of each of them.
        time_base: Seconds a unit.
        seekable: Whether the container has an index that leads to keyframes exactly.
    """

    pts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    keyframe_dts: NDArray[np.int64]
    time_base: Fraction
    seekable: bool

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.pts)

    def index_of(self, pts: int | None) -> int | None:
        """The frame that is shown at a time; None if there is none."""
        if pts is None:
            return None
        index = int(np.searchsorted(self.pts, pts))
        return index if index < len(self) and self.pts[index] == pts else None

    def seconds(self, index: int) -> float:
        """Time of a frame behind the first one."""
        return float(int(self.pts[index] - self.pts[0]) * self.time_base)

    def keyframe_before(self, index: int) -> int:
        """The last frame, up to this one, at which decoding can start; the first at worst."""
        if not self.seekable:
            return 0
        return int(self.keyframes[np.searchsorted(self.keyframes, index, side="right") - 1])

    def seek(self, container: InputContainer, stream: VideoStream, keyframe: int) -> None:
        """Set the container to a keyframe, or to one before it."""
        place = int(np.searchsorted(self.keyframes, keyframe))
        container.seek(int(self.keyframe_dts[place]), stream=stream)


def read_timeline(path: Path) -> Timeline | None:
    """Read a file's packets; the answer is remembered while the file stays the same.

    Returns:
        None where packets do not say when their pictures are shown: raw streams, AVI with
        B-frames, pictures that are never shown (VP8), a damaged header.
    """
    stat = path.stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _read(path: Path, size: int, mtime_ns: int) -> Timeline | None:
    with open_video(path) as (container, stream):
        # AVI stores no display order, so FFmpeg makes one up.
        made_up = container.format.name == "avi" and stream.codec_context.has_b_frames
        if made_up or codec_name(stream) == "vp8" or stream.time_base is None:
            return None
        found = [
            (packet.pts, packet.dts, packet.is_keyframe, packet.is_discard)
            for packet in packets(container, stream)
            if packet.size
        ]
        seekable = container.format.name.startswith(_INDEXED_FORMATS)
        return _order(found, stream.time_base, seekable)


def _order(
    found: list[tuple[int | None, int | None, bool, bool]], time_base: Fraction, seekable: bool
) -> Timeline | None:
    """Sort packets into display order, unless their times cannot be trusted."""
    if not found or not found[0][2] or any(pts is None for pts, *_ in found):
        return None
    # Matroska stores no decoding times, and is searched by presentation time.
    rows = np.array([(p, p if d is None else d, *flags) for p, d, *flags in found], np.int64)
    coded = rows[:, 0]
    order = np.argsort(coded, kind="stable")
    farthest = np.abs(order - np.arange(len(order))).max()
    if order[0] != 0 or farthest > _MAX_REORDERING or not np.diff(coded[order]).all():
        return None
    shown = rows[order][rows[order, 3] == 0]
    is_key = shown[:, 2] == 1
    keyframes = np.flatnonzero(is_key)
    if not len(shown) or not len(keyframes) or keyframes[0] != 0:
        return None
    return Timeline(shown[:, 0], keyframes, shown[is_key, 1], time_base, seekable)
