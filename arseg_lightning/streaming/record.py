"""The record of a stream, ``predict.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arseg_lightning.accelerator import device_name
from arseg_lightning.files import write_atomic
from arseg_lightning.provenance import package_versions
from arseg_lightning.streaming.outputs import Output
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.streaming.stream_statistics import StreamStatistics
from arseg_lightning.video.live import LiveSource

__all__ = ["RECORD_NAME", "StreamRecord", "stream_record"]

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
    executed: dict[str, float]  # by role, mean share of its multiply-accumulates
    seconds: float  # from the first frame to the last, with all that was done for them
    fps: float
    latency_ms: dict[str, dict[str, float]]  # by role: mean, p50, p95, max
    frames_late: int  # most later frames that came before one was segmented
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
        motion = []
        if self.motion["matching_share"] is not None:
            share = 100 * self.motion["matching_share"]
            motion.append(f"{share:.1f} % of the stream's own vectors match")
        if encoded := self.motion["encoded_frames"]:
            motion.append(f"{encoded} frames encoded on the fly")
        if motion:
            lines.append(f"motion: {'; '.join(motion)}")
        lines += (
            f"{roles:>12}: {each['mean']:.1f} ms a frame (p50 {each['p50']:.1f}, "
            f"p95 {each['p95']:.1f}, max {each['max']:.1f})"
            for roles, each in self.latency_ms.items()
        )
        if self.frames_late:
            lines.append(f"frames wait for later ones: up to {self.frames_late}")
        return "\n".join([*lines, *(f"written: {output}" for output in self.outputs)])


def stream_record(
    segmenter: Segmenter,
    live: LiveSource,
    statistics: StreamStatistics,
    outputs: Sequence[Output],
    ended: str,
) -> StreamRecord:
    """Build the record of a stream, also of one that an error ended."""
    size, clock = list(live.size), segmenter.method.clock
    return StreamRecord(
        source={
            "name": live.name,
            "size": size,
            "fps": live.fps,
            "dropped": live.num_dropped,
            "damage": live.damage or None,
        },
        motion=live.motion_use,
        ended=ended,
        method=segmenter.method.name,
        clock=None if clock is None else {"name": type(clock).__name__} | vars(clock),
        device=device_name(segmenter.device),
        precision=segmenter.precision,
        outputs=tuple(output.summary for output in outputs),
        versions=package_versions("torch", "av", "numpy"),
        **statistics.summary(),
    )
