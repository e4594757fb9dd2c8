"""Counts and times of a stream, in memory that does not grow."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from time import monotonic
from typing import Any

from arseg_lightning.methods import StreamResult

__all__ = ["Figures", "Latencies"]

_STEP = math.log(1.02)  # times within 2 % of each other count as one: percentiles to 1 %
_SHORTEST_MS = 1e-3


class Latencies:
    """Mean, median, 95th percentile and maximum of times, right to 1 %, which are not kept."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._total = 0.0
        self._max = 0.0

    def add(self, milliseconds: float) -> None:
        """Count a time."""
        self._counts[math.floor(math.log(max(milliseconds, _SHORTEST_MS)) / _STEP)] += 1
        self._total += milliseconds
        self._max = max(self._max, milliseconds)

    def summary(self) -> dict[str, float]:
        """Milliseconds as ``mean``, ``p50``, ``p95`` and ``max``, and the number of ``frames``."""
        frames = self._counts.total()
        return {
            "frames": frames,
            "mean": self._total / max(frames, 1),
            "p50": self._percentile(0.50),
            "p95": self._percentile(0.95),
            "max": self._max,
        }

    def _percentile(self, share: float) -> float:
        """The least time that so large a share of all does not exceed."""
        wanted = max(1, math.ceil(share * self._counts.total()))
        for step in sorted(self._counts):
            wanted -= self._counts[step]
            if wanted <= 0:
                return min(math.exp((step + 0.5) * _STEP), self._max)
        return 0.0


class Figures:
    """Counts, rates and times of a stream so far.

    Args:
        with_keyframes: Whether the method tells keyframes from other frames.
    """

    def __init__(self, with_keyframes: bool = True) -> None:
        self.with_keyframes = with_keyframes
        self.num_frames = 0
        self.num_keyframes = 0
        self.latency_ms = 0.0
        self._reasons: Counter[str] = Counter()
        self._latencies: dict[str, Latencies] = defaultdict(Latencies)
        self._steps: Counter[str] = Counter()
        self.executed: dict[str, float] = defaultdict(float)
        self._stages: Counter[str] = Counter()
        self._start = self._last_line = monotonic()
        self._frames_at_last_line = 0

    def add(self, result: StreamResult) -> None:
        """Count a frame."""
        self.num_frames += 1
        self.latency_ms = result.latency_ms
        self.num_keyframes += result.is_keyframe
        if result.reason is not None:
            # Without its figures: "reconnected after 3.2 s" is counted with the others.
            self._reasons[re.split(" after | from ", result.reason)[0]] += 1
        for name in ("all", result.roles):
            self._latencies[name].add(result.latency_ms)
        for step in result.executed:
            self._steps[step.role] += 1
            self.executed[step.role] += step.share
        self._stages.update(result.stages)

    @property
    def keyframe_share(self) -> float:
        """Share of keyframes."""
        return self.num_keyframes / max(self.num_frames, 1)

    def line(self) -> str:
        """How it goes now: the rate is that since the last line."""
        now, frames = monotonic(), self.num_frames
        rate = (frames - self._frames_at_last_line) / max(now - self._last_line, 1e-9)
        self._last_line, self._frames_at_last_line = now, frames
        keyframes = f"{100 * self.keyframe_share:.0f} % keyframes, " * self.with_keyframes
        return f"{rate:.1f} fps, {keyframes}latency {self.latency_ms:.0f} ms"

    def summary(self) -> dict[str, Any]:
        """Everything, as the fields of a :class:`StreamRecord`."""
        seconds, frames = monotonic() - self._start, max(self.num_frames, 1)
        latencies = {name: each.summary() for name, each in self._latencies.items()}
        return {
            "frames": self.num_frames,
            "keyframes": self.num_keyframes if self.with_keyframes else None,
            "reasons": dict(self._reasons),
            "roles": {name: each["frames"] for name, each in latencies.items() if name != "all"},
            "executed": {role: self.executed[role] / n for role, n in self._steps.items()},
            "seconds": seconds,
            "fps": self.num_frames / max(seconds, 1e-9),
            "latency_ms": latencies,
            "stage_ms": {name: total / frames for name, total in self._stages.items()},
        }
