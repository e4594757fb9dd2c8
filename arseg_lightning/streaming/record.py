"""What a stream came to, for the file beside its results."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from arseg_lightning import __version__
from arseg_lightning.streaming.device import device_name
from arseg_lightning.streaming.figures import Figures
from arseg_lightning.streaming.outputs import Output
from arseg_lightning.streaming.policy import KeyframePolicy
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.video.live import LiveSource

__all__ = ["RECORD_NAME", "StreamRecord", "stream_record"]

RECORD_NAME = "predict.json"

_PACKAGES = ("torch", "av", "numpy")


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """The record of one stream.

    Args:
        source: Name, height and width, and frames per second of the input, and how many of its
            frames were dropped because they came too late.
        ended: ``complete``, ``interrupted``, or the error that ended it.
        frames: Number of frames.
        keyframes: How many of them were keyframes.
        keyframe_reasons: And why.
        seconds: From the first frame to the last, with all that was done for them.
        fps: Frames a second of it.
        latency_ms: Mean, median, 95th percentile and maximum, by role.
        stage_ms: Mean milliseconds a frame by stage.
        policy: The keyframe policy and its settings.
        device: What the networks ran on.
        precision: In what they computed.
        outputs: What was written.
        versions: Versions of the packages that matter.
    """

    source: dict[str, Any]
    ended: str
    frames: int
    keyframes: int
    keyframe_reasons: dict[str, int]
    seconds: float
    fps: float
    latency_ms: dict[str, dict[str, float]]
    stage_ms: dict[str, float]
    policy: dict[str, Any]
    device: str
    precision: str
    outputs: tuple[str, ...]
    versions: dict[str, str]

    def write(self, folder: Path) -> Path:
        """Write it into a folder."""
        path = folder / RECORD_NAME
        path.write_text(f"{json.dumps(asdict(self), indent=2)}\n", encoding="utf-8")
        return path

    def text(self) -> str:
        """The record in some lines for a reader."""
        share = 100 * self.keyframes / max(self.frames, 1)
        lines = [
            f"{self.frames} frames in {self.seconds:.1f} s: {self.fps:.1f} fps, "
            f"{share:.0f} % keyframes, on {self.device} ({self.ended})"
        ]
        for role, each in self.latency_ms.items():
            if each["frames"]:
                lines.append(
                    f"{role:>12}: {each['mean']:.1f} ms a frame (p50 {each['p50']:.1f}, "
                    f"p95 {each['p95']:.1f}, max {each['max']:.1f})"
                )
        return "\n".join([*lines, *(f"written: {output}" for output in self.outputs)])


def stream_record(
    segmenter: Segmenter,
    live: LiveSource,
    figures: Figures,
    outputs: Sequence[Output],
    ended: str,
) -> StreamRecord:
    """Put together what a stream came to."""
    source = {
        "name": live.name,
        "size": list(live.size),
        "fps": live.fps,
        "dropped": live.num_dropped,
    }
    versions = {"arseg_lightning": __version__, "python": platform.python_version()}
    return StreamRecord(
        source=source,
        ended=ended,
        policy=_described(segmenter.policy),
        device=device_name(segmenter.device),
        precision=segmenter.precision,
        outputs=tuple(output.summary for output in outputs),
        versions=versions | {name: version(name) for name in _PACKAGES},
        **figures.summary(),
    )


def _described(policy: KeyframePolicy) -> dict[str, Any]:
    return {"name": type(policy).__name__} | vars(policy)
