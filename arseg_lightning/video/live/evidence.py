"""Whether a stream's vectors are its motion, by what they lead to."""

from __future__ import annotations

from collections import deque

from arseg_lightning.video.motion import BlockMotion

__all__ = ["Evidence"]

_NUM_FRAMES = 12
_LEAST_SHARE = 0.9
"""Of the area with vectors, that matches. Streams of x264, MPEG-1, 2 and 4 have 0.94 to 1.0, cut
by how well they are encoded; the B-frames of MPEG-4, of which FFmpeg exports the direct blocks
wrongly, 0.0 in a moving scene."""


class Evidence:
    """Keeps count of the last frames that have vectors."""

    def __init__(self) -> None:
        self._last = deque[tuple[int, int]](maxlen=_NUM_FRAMES)

    def add(self, step: BlockMotion) -> None:
        """Look at a frame."""
        matching, known = step.evidence
        if known:
            self._last.append((matching, known))

    def obstacle(self) -> str | None:
        """What speaks against the vectors, if anything does, worded to follow a stream's name."""
        matching, known = (
            (sum(each) for each in zip(*self._last, strict=True)) if self._last else (0, 0)
        )
        if len(self._last) < _NUM_FRAMES // 3 or matching >= _LEAST_SHARE * known:
            return None
        share = round(100 * matching / known)
        return f"has motion vectors of which only {share} % lead to what looks alike"
