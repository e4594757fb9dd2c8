"""Counts, rates and latencies of a stream, in memory that does not grow."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from time import monotonic
from typing import Any

import numpy as np

from arseg_lightning.methods import StreamResult

__all__ = ["StreamStatistics"]


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
        self.frames_late = 0
        self._reasons: Counter[str] = Counter()
        # By role, how often each time occurred.
        self._latencies: dict[str, Counter[float]] = defaultdict(Counter)
        self._steps: Counter[str] = Counter()
        self.executed: dict[str, float] = defaultdict(float)
        self._stages: Counter[str] = Counter()
        self._start = self._last_line = monotonic()
        self._frames_at_last_line = 0

    def add(self, result: StreamResult) -> None:
        """Count a frame."""
        self.num_frames += 1
        self.latency_ms = result.latency_ms
        self.frames_late = max(self.frames_late, result.frames_late)
        self.num_keyframes += result.is_keyframe
        if result.reason is not None:
            # Without its numbers: "reconnected after 3.2 s" is counted with the others.
            self._reasons[re.split(" after | from ", result.reason)[0]] += 1
        for name in ("all", result.roles):
            # Of three digits, so that there are few different ones in a stream without an end.
            self._latencies[name][float(f"{result.latency_ms:.3g}")] += 1
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
        latencies = {name: _summary(each) for name, each in self._latencies.items()}
        return {
            "frames": self.num_frames,
            "keyframes": self.num_keyframes if self.with_keyframes else None,
            "reasons": dict(self._reasons),
            "roles": {name: each["frames"] for name, each in latencies.items() if name != "all"},
            "executed": {role: self.executed[role] / n for role, n in self._steps.items()},
            "seconds": seconds,
            "fps": self.num_frames / max(seconds, 1e-9),
            "latency_ms": latencies,
            "frames_late": self.frames_late,
            "stage_ms": {name: total / frames for name, total in self._stages.items()},
        }


def _summary(counts: Counter[float]) -> dict[str, float]:
    """Number of frames, and mean, percentiles and maximum of their milliseconds."""
    times = np.repeat(list(counts), list(counts.values()))
    marks = zip(("p50", "p95", "max"), np.percentile(times, (50, 95, 100)).tolist(), strict=True)
    return {"frames": times.size, "mean": times.mean().item(), **dict(marks)}
