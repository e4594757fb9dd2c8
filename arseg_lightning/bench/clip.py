"""A short stream to run on: a synthetic driving scene, encoded, and decoded with its motion."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from arseg_lightning.video.encode import EncodeSettings, VideoWriter
from arseg_lightning.video.live import StreamedFrame, open_live
from arseg_lightning.video.synthetic import StreetScene

__all__ = ["BenchClip", "make_clip"]


@dataclass(frozen=True, slots=True)
class BenchClip:
    """Frames in memory, as a stream delivers them.

    Args:
        frames: The frames; the first one starts the stream.
        decode_ms: What decoding with motion vectors took per frame.
    """

    frames: tuple[StreamedFrame, ...]
    decode_ms: float


def make_clip(size: tuple[int, int], num_frames: int) -> BenchClip:
    """Make a synthetic driving scene, encode it as H.264 and decode it.

    Args:
        size: Height and width.
        num_frames: Length.
    """
    scene = StreetScene(height=size[0], width=size[1], num_frames=num_frames)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "street.mp4"
        with VideoWriter(path, EncodeSettings(keyframe_interval=None, fps=30.0)) as writer:
            for image, _ in scene.frames():
                writer.write(image)
        start = perf_counter()
        with open_live(path, motion="codec") as live:
            frames = tuple(live)
        seconds = perf_counter() - start
    first = replace(frames[0], restart="start")
    return BenchClip((first, *frames[1:]), 1e3 * seconds / len(frames))
