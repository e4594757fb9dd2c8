"""Counts, rates and latencies of a stream, in memory that does not grow."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from time import monotonic
from typing import Any

import numpy as np

from arseg_lightning.methods import StreamResult

__all__ = ["Latencies", "StreamStatistics"]

_STEP = math.log(1.02)  # times within 2 % of each other count as one: percentiles to 1 %
_SHORTEST_MS = 1e-3


class Latencies:
    """Mean, median, 95th percentile and maximum of times, right to 1 %, by their histogram."""

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
        frames, steps = self._counts.total(), sorted(self._counts)
        up_to = np.cumsum([self._counts[step] for step in steps])
        summary = {"frames": frames, "mean": self._total / max(frames, 1), "p50": 0.0, "p95": 0.0}
        for name, share in (("p50", 0.50), ("p95", 0.95)) if frames else ():
            # The least time that so large a share of all does not exceed.
            step = steps[np.searchsorted(up_to, share * frames)]
            summary[name] = min(math.exp((step + 0.5) * _STEP), self._max)
        return {**summary, "max": self._max}


class StreamStatistics:
    """Counts, rates and latencies of a stream so far.

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
            # Without its numbers: "reconnected after 3.2 s" is counted with the others.
            self._reasons[re.split(" after | from ", result.reason)[0]] += 1
        for name in ("all", result.roles):
            self._latencies[name].add(result.latency_ms)
        for step in result.executed:
            self._steps[step.role] += 1
            self.executed[step.role] += step.share
        self._stages.update(result.stages)

    def line(self) -> str:
        """Frames per second since the last line, keyframes and latency, in words."""
        now, frames = monotonic(), self.num_frames
        rate = (frames - self._frames_at_last_line) / max(now - self._last_line, 1e-9)
        self._last_line, self._frames_at_last_line = now, frames
        share = self.num_keyframes / max(frames, 1)
        keyframes = f"{100 * share:.0f} % keyframes, " * self.with_keyframes
        return f"{rate:.1f} fps, {keyframes}latency {self.latency_ms:.0f} ms"

    def summary(self) -> dict[str, Any]:
        """All statistics, as fields of a :class:`StreamRecord`."""
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
