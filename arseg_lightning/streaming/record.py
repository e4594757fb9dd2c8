"""What a stream came to, for the file beside its results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arseg_lightning.accelerator import device_name
from arseg_lightning.files import write_atomic
from arseg_lightning.provenance import package_versions
from arseg_lightning.streaming.figures import Figures
from arseg_lightning.streaming.outputs import Output
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.video.live import LiveSource

__all__ = ["RECORD_NAME", "StreamRecord", "stream_record"]

RECORD_NAME = "predict.json"


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """The record of one stream.

    Args:
        source: Name, height and width, and frames per second of the input, and how many of its
            frames were dropped because they came too late, and what was damaged of it in words.
        motion: Where its motion came from: what was asked for, the share of its own vectors that
            match, how many frames were encoded on the fly, from which frame on and why.
        ended: ``complete``, ``interrupted``, or the error that ended it.
        frames: Number of frames.
        keyframes: How many of them were keyframes; None if the method knows no keyframes.
        reasons: Why frames had the roles that they had, where the method says so.
        roles: Number of frames by the roles of their steps, joined by ``+``.
        executed: By role, the mean share of its multiply-accumulates that a step executed.
        seconds: From the first frame to the last, with all that was done for them.
        fps: Frames a second of it.
        latency_ms: Mean, median, 95th percentile and maximum, by the roles of a frame's steps.
        stage_ms: Mean milliseconds a frame by stage.
        method: The method's name.
        clock: Its clock and the clock's settings; None if it has none.
        device: What the networks ran on.
        precision: In what they computed.
        outputs: What was written.
        versions: Versions of the packages that matter.
    """

    source: dict[str, Any]
    motion: dict[str, Any]
    ended: str
    frames: int
    keyframes: int | None
    reasons: dict[str, int]
    roles: dict[str, int]
    executed: dict[str, float]
    seconds: float
    fps: float
    latency_ms: dict[str, dict[str, float]]
    stage_ms: dict[str, float]
    method: str
    clock: dict[str, Any] | None
    device: str
    precision: str
    outputs: tuple[str, ...]
    versions: dict[str, str]

    def write(self, folder: Path) -> Path:
        """Write it into a folder."""
        path = folder / RECORD_NAME
        write_atomic(path, f"{json.dumps(asdict(self), indent=2)}\n")
        return path

    def text(self) -> str:
        """The record in some lines for a reader."""
        keyframes = ""
        if self.keyframes is not None:
            keyframes = f"{100 * self.keyframes / max(self.frames, 1):.0f} % keyframes, "
        latencies = (
            f"{roles:>12}: {each['mean']:.1f} ms a frame (p50 {each['p50']:.1f}, "
            f"p95 {each['p95']:.1f}, max {each['max']:.1f})"
            for roles, each in self.latency_ms.items()
        )
        first = (
            f"{self.frames} frames in {self.seconds:.1f} s: {self.fps:.1f} fps, "
            f"{keyframes}on {self.device} ({self.ended})"
        )
        written = (f"written: {output}" for output in self.outputs)
        damage = self.source["damage"]
        damaged = [f"damaged: of the input's frames {damage}"] if damage else []
        return "\n".join([first, *damaged, *self._motion_text(), *latencies, *written])

    def _motion_text(self) -> list[str]:
        """Where motion came from, if anyone looked at it."""
        share, encoded = self.motion["matching_share"], self.motion["encoded_frames"]
        own = "" if share is None else f"{100 * share:.1f} % of the stream's own vectors match"
        anew = f"{encoded} frames encoded on the fly" if encoded else ""
        said = "; ".join(filter(None, [own, anew]))
        return [f"motion: {said}"] if said else []


def stream_record(
    segmenter: Segmenter,
    live: LiveSource,
    figures: Figures,
    outputs: Sequence[Output],
    ended: str,
) -> StreamRecord:
    """Put together what a stream came to."""
    size, dropped = list(live.size), live.num_dropped
    clock = segmenter.method.clock
    return StreamRecord(
        source={
            "name": live.name,
            "size": size,
            "fps": live.fps,
            "dropped": dropped,
            "damage": live.damage or None,
        },
        motion=asdict(live.motion_use),
        ended=ended,
        method=segmenter.method.name,
        clock=None if clock is None else {"name": type(clock).__name__} | vars(clock),
        device=device_name(segmenter.device),
        precision=segmenter.precision,
        outputs=tuple(output.summary for output in outputs),
        versions=package_versions("torch", "av", "numpy"),
        **figures.summary(),
    )
