"""The record of a stream, ``predict.json``: counts and times, in memory that does not grow."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from arseg_lightning.accelerator import device_name
from arseg_lightning.files import write_atomic
from arseg_lightning.methods import StreamResult
from arseg_lightning.methods.stream_frame import kind_of_reason
from arseg_lightning.provenance import package_versions
from arseg_lightning.streaming.consistency import StreamConsistency
from arseg_lightning.streaming.outputs import Output
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.video.live import LiveSource, SourceFrame

__all__ = ["RECORD_NAME", "StreamRecord", "StreamStatistics"]

RECORD_NAME = "predict.json"


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """The record of one stream; the roles of a frame's steps are joined by ``+``."""

    source: dict[str, Any]  # name, height and width, fps, frames dropped as late, damage in words
    motion: dict[str, Any]  # asked for, share of own vectors that match, frames encoded, why
    ended: str  # complete, interrupted, or the error that ended it
    frames: int
    keyframes: int | None  # None if the method knows no keyframes
    reasons: dict[str, int]  # why frames had their roles, where the method says so
    roles: dict[str, int]  # frames by role
    seconds: float  # from the first frame to the last, with all that was done for them
    fps: float
    latency_ms: dict[str, dict[str, float]]  # by role: mean, p50, p95, max
    frames_late: int  # most later frames that came before one was segmented
    consistency: dict[str, float] | None  # temporal consistency and flicker, if they were measured
    stage_ms: dict[str, float]  # by stage, mean of all frames
    method: str
    clock: dict[str, Any] | None  # its name and settings
    device: str
    precision: str
    outputs: tuple[str, ...]  # what was written, in words
    versions: dict[str, str]  # of packages

    def write(self, folder: Path) -> None:
        """Write it into a folder."""
        write_atomic(folder / RECORD_NAME, f"{json.dumps(asdict(self), indent=2)}\n")

    def text(self) -> str:
        """The record in some lines for a reader."""
        keyframes = ""
        if self.keyframes is not None:
            keyframes = f"{100 * self.keyframes / max(self.frames, 1):.0f} % keyframes, "
        lines = [
            f"{self.frames} frames in {self.seconds:.1f} s: {self.fps:.1f} fps, "
            f"{keyframes}on {self.device} ({self.ended})"
        ]
        if self.source["damage"]:
            lines.append(f"damaged: of the input's frames {self.source['damage']}")
        if (share := self.motion["matching_share"]) is not None:
            lines.append(f"motion: {100 * share:.1f} % of the stream's own vectors match")
        if encoded := self.motion["encoded_frames"]:
            lines.append(f"motion: {encoded} frames encoded on the fly")
        lines += (
            f"{roles:>12}: {each['mean']:.1f} ms a frame (p50 {each['p50']:.1f}, "
            f"p95 {each['p95']:.1f}, max {each['max']:.1f})"
            for roles, each in self.latency_ms.items()
        )
        if self.frames_late:
            lines.append(f"frames wait for later ones: up to {self.frames_late}")
        if self.consistency is not None:
            each = {name: 100 * share for name, share in self.consistency.items()}
            lines.append(
                f"along the motion: TC {each['temporal_consistency']:.1f} %, flicker "
                f"{each['flicker']:.2f} % (docs/metrics.md)"
            )
        return "\n".join([*lines, *(f"written: {output}" for output in self.outputs)])


class StreamStatistics:
    """Counts and times of a stream so far.

    Args:
        segmenter: What segments it.
        consistency: Whether temporal consistency and flicker are measured.
    """

    def __init__(self, segmenter: Segmenter, consistency: bool = False) -> None:
        self.segmenter = segmenter
        number = segmenter.classes.num_classes
        self._consistency = StreamConsistency(number, segmenter.chaining) if consistency else None
        self.num_frames = self.num_keyframes = self.frames_late = 0
        self.latency_ms = 0.0
        self._reasons: Counter[str] = Counter()
        # By role, how often each time occurred.
        self._latencies: dict[str, Counter[float]] = defaultdict(Counter)
        self._stages: Counter[str] = Counter()
        self._start = monotonic()

    def watch(self, frames: Iterable[SourceFrame]) -> Iterable[SourceFrame]:
        """Pass the frames on that will be segmented, and follow their motion if that is needed."""
        return frames if self._consistency is None else self._consistency.watch(frames)

    def add(self, result: StreamResult) -> None:
        """Count a frame."""
        if self._consistency is not None:
            self._consistency.add(result)
        self.num_frames += 1
        self.latency_ms = result.latency_ms
        self.frames_late = max(self.frames_late, result.frames_late)
        self.num_keyframes += result.is_keyframe
        if result.reason is not None:
            self._reasons[kind_of_reason(result.reason)] += 1
        for name in ("all", result.roles):
            # Of three digits, so that there are few different ones in a stream without an end.
            self._latencies[name][float(f"{result.latency_ms:.3g}")] += 1
        self._stages.update(result.stages)

    def line(self) -> str:
        """Share of keyframes and the latency, in words."""
        share = 100 * self.num_keyframes / max(self.num_frames, 1)
        keyframes = f"{share:.0f} % keyframes, " if self.segmenter.method.key_roles else ""
        return f"{keyframes}latency {self.latency_ms:.0f} ms"

    def record(self, live: LiveSource, outputs: Sequence[Output], ended: str) -> StreamRecord:
        """Make the record, also of a stream that an error ended."""
        seconds, frames = monotonic() - self._start, max(self.num_frames, 1)
        method = self.segmenter.method
        clock = method.clock
        latencies = {name: _summary(each) for name, each in self._latencies.items()}
        return StreamRecord(
            source={
                "name": live.name,
                "size": list(live.size),
                "fps": live.fps,
                "dropped": live.num_dropped,
                "damage": live.damage or None,
            },
            motion=live.motion_use,
            ended=ended,
            frames=self.num_frames,
            keyframes=self.num_keyframes if method.key_roles else None,
            reasons=dict(self._reasons),
            roles={name: c.total() for name, c in self._latencies.items() if name != "all"},
            seconds=seconds,
            fps=self.num_frames / max(seconds, 1e-9),
            latency_ms=latencies,
            frames_late=self.frames_late,
            consistency=None if self._consistency is None else self._consistency.figures,
            stage_ms={name: total / frames for name, total in self._stages.items()},
            method=method.name,
            clock=None if clock is None else {"name": type(clock).__name__} | vars(clock),
            device=device_name(self.segmenter.device),
            precision=self.segmenter.precision,
            outputs=tuple(output.summary for output in outputs),
            versions=package_versions("torch", "av", "numpy"),
        )


def _summary(counts: Counter[float]) -> dict[str, float]:
    """Number of frames, and mean, percentiles and maximum of their milliseconds."""
    times = np.repeat(list(counts), list(counts.values()))
    marks = zip(("p50", "p95", "max"), np.percentile(times, (50, 95, 100)).tolist(), strict=True)
    return {"frames": times.size, "mean": times.mean().item(), **dict(marks)}
