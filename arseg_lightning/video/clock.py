"""Times that never go back, out of those that a stream claims."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["Clock"]

_BACK = Fraction(1)
"""Seconds that times may go back without being a jump: frames of a camera come unevenly."""

_AHEAD = Fraction(10)
"""Seconds (and intervals of five frames) that times may skip without being a jump."""


class Clock:
    """Keeps the time of a stream from its first frame on.

    Times are the stream's own, relative to its first frame, until they jump; from there on they
    count from where they were, one frame on.
    """

    def __init__(self) -> None:
        self._interval = Fraction(1, 25)
        self._origin: Fraction | None = None
        self._now: Fraction | None = None
        self._claimed: Fraction | None = None

    def join(self, interval: Fraction, pause: Fraction = Fraction(0)) -> None:
        """Go on with a stream that was just opened.

        Args:
            interval: Seconds from one of its frames to the next.
            pause: Seconds since the last frame of the one before it.
        """
        self._interval = interval
        self._claimed = None
        if self._now is not None:
            self._now += max(pause, interval) - interval

    def tick(self, claimed: Fraction | None) -> tuple[float, str | None]:
        """Place the next frame in time.

        Args:
            claimed: Its time in seconds as the stream says; None if it does not.

        Returns:
            Its time from the first frame on, and what is wrong with the claim, if it jumps.
        """
        jump = None
        if claimed is not None and self._claimed is not None:
            step = claimed - self._claimed
            if step < -_BACK:
                jump = f"timestamps go back by {float(-step):.1f} s"
            elif step > max(_AHEAD, 5 * self._interval):
                jump = f"timestamps jump ahead by {float(step):.1f} s"
        if self._now is None:
            self._now = Fraction(0)
        elif claimed is None or self._claimed is None or self._origin is None or jump:
            self._now += self._interval
        else:
            least = self._now + self._interval / 100
            self._now = max(claimed - self._origin, least)
        if claimed is not None and (self._claimed is None or jump):
            self._origin = claimed - self._now
        self._claimed = claimed
        return float(self._now), jump
