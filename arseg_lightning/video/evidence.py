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
    """Keeps count of a stream's cells with a vector, and of those whose vector leads to its like.

    Args:
        matching: Cells counted already whose vector matches.
        known: Cells counted already that have a vector.
    """

    def __init__(self, matching: int = 0, known: int = 0) -> None:
        self.matching = matching
        self.known = known
        self._last = deque[tuple[int, int]](maxlen=_NUM_FRAMES)

    @property
    def share(self) -> float | None:
        """Share of the area with vectors where they match; None where nothing has any."""
        return self.matching / self.known if self.known else None

    def add(self, step: BlockMotion) -> None:
        """Look at a frame."""
        matching, known = step.evidence
        if known:
            self._last.append((matching, known))
        self.matching += matching
        self.known += known

    def obstacle(self) -> str | None:
        """What speaks against all vectors, if anything does, worded to follow a stream's name."""
        return _obstacle(self.matching, self.known)

    def recent_obstacle(self) -> str | None:
        """The same of the last frames that have vectors, as soon as there are some."""
        if len(self._last) < _NUM_FRAMES // 3:
            return None
        return _obstacle(*(sum(each) for each in zip(*self._last, strict=True)))

    def forget_recent(self) -> None:
        """Judge by what comes from here on."""
        self._last.clear()


def _obstacle(matching: int, known: int) -> str | None:
    """The share of cells whose vector matches in words, if it is too small."""
    if matching >= _LEAST_SHARE * known:
        return None
    return (
        f"has motion vectors of which only {100 * matching / known:.0f} % lead to what looks alike"
    )
