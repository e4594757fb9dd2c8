"""The display order of a video's frames, read from its packets without decoding them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.video.probe import codec_name, open_video, packets

__all__ = ["Timeline", "read_timeline"]

_INDEXED_FORMATS = ("mov,", "matroska,")

_ONE_PACKET_A_FRAME = ("mov,", "matroska,", "flv", "asf")
"""Containers, of which a repeated time is that of another frame: in others, of another field."""

_REPEATED_SHARE = 0.1
"""Of the frames of a file, that may have the time of another one before none is believed."""

_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")

_MAX_REORDERING = 16
"""Places by which a picture may be shown earlier or later than coded: the limit of H.264."""


@dataclass(frozen=True)
class Timeline:
    """When each frame of a video is shown.

    Args:
        pts: Presentation time of every frame in display order, int64, in units of ``time_base``.
            A few may be the same.
        keyframes: Index of every frame at which decoding can start, ascending. The first frame
            is none where pictures before it are decoded and not shown (an edit list).
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

    def index_of(self, pts: int | None, earliest: int = 0) -> int | None:
        """The frame that is shown at a time; None if there is none.

        Args:
            pts: The time.
            earliest: Of several frames of this time, those before it have come already.
        """
        if pts is None:
            return None
        first, behind = np.searchsorted(self.pts, pts), np.searchsorted(self.pts, pts, "right")
        return None if first == behind else min(max(int(first), earliest), int(behind) - 1)

    def seconds(self, index: int) -> float:
        """Time of a frame behind the first one; frames of the same time share what follows it."""
        first, behind = (int(np.searchsorted(self.pts, self.pts[index], s)) for s in _SIDES)
        ticks = Fraction(int(self.pts[first] - self.pts[0]))
        if behind - first > 1:
            lasts = 1  # ticks from a time to the next one; from the last, as many as to it
            if behind < len(self):
                lasts = int(self.pts[behind] - self.pts[first])
            elif first:
                lasts = int(self.pts[first] - self.pts[first - 1])
            ticks += Fraction((index - first) * lasts, behind - first)
        return float(ticks * self.time_base)

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
        name = container.format.name
        seekable = name.startswith(_INDEXED_FORMATS)
        repeated = _REPEATED_SHARE if name.startswith(_ONE_PACKET_A_FRAME) else 0.0
        return _order(found, stream.time_base, seekable, repeated)


def _order(
    found: list[tuple[int | None, int | None, bool, bool]],
    time_base: Fraction,
    seekable: bool,
    repeated: float,
) -> Timeline | None:
    """Sort packets into display order, unless their times cannot be trusted.

    Args:
        found: Presentation and decoding time, whether it is a keyframe, whether it is not shown.
        time_base: Seconds a unit.
        seekable: Whether the container has an index.
        repeated: Share of them that may have the same time as another one.
    """
    if not found or not found[0][2] or any(pts is None for pts, *_ in found):
        return None
    # Matroska stores no decoding times, and is searched by presentation time.
    rows = np.array([(p, p if d is None else d, *flags) for p, d, *flags in found], np.int64)
    coded = rows[:, 0]
    order = np.argsort(coded, kind="stable")
    farthest = np.abs(order - np.arange(len(order))).max()
    if order[0] != 0 or farthest > _MAX_REORDERING:
        return None
    shown = rows[order][rows[order, 3] == 0]
    times, places, counts = np.unique(shown[:, 0], return_index=True, return_counts=True)
    if not len(shown) or len(shown) - len(times) > repeated * len(shown):
        return None
    # At one of several frames of the same time, it could not be told which of them comes first.
    keyframes = places[(shown[places, 2] == 1) & (counts == 1)]
    return Timeline(shown[:, 0], keyframes, shown[keyframes, 1], time_base, seekable)
