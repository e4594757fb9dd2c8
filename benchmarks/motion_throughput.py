"""Frames and motion a second, against the PyPI package motion-vector-extractor.

    python benchmarks/motion_throughput.py --output benchmarks/results/motion_throughput.json

The clip is a synthetic driving scene (300 frames of 720x960, H.264 in one long GOP), or
is one's own: ``--video FILE``, without B-frames. Everything runs in one process on the same cores
(``--cores``, one by default: the package decodes with one thread), in turns; medians count.
CPU time is that of all threads, and says more than time where other programs run. The package is
compared where it is installed: ``pip install motion-vector-extractor``.

A cached field is compared in two ways. In order: all frames of the clip, a step each. At a
distance: the field of one frame, from the closed file, mean over the distances 1 to L - 1; made by
decoding from the keyframe up to the frame, or read from the cache.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np

from arseg_lightning import native
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.types import Motion
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.probe import probe
from arseg_lightning.video.video_motion import VideoMotion

PACKAGE = "motion-vector-extractor"
HEIGHT, WIDTH, NUM_FRAMES = 720, 960, 300


@dataclass(frozen=True, slots=True)
class Measurement:
    """Medians of one way of doing it; CPU time is that of all threads together.

    Args:
        name: What was done.
        ms: Time for a frame, or for a field.
        cpu_ms: CPU time for it.
    """

    name: str
    ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Clip:
    """What is measured on.

    Args:
        video: The clip.
        entry: Its cached motion.
        keyframe_interval: Frames from one keyframe to the next.
    """

    video: Path
    entry: Path
    keyframe_interval: int


def main() -> None:
    """Measure everything in turns, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, help="a clip of one's own, instead of a made one")
    parser.add_argument("--keyframe-interval", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cores", type=int, default=1, help="cores to run on; 0: all")
    parser.add_argument("--output", type=Path, help="where to write the figures, as JSON")
    arguments = parser.parse_args()
    if arguments.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-arguments.cores :])
    with tempfile.TemporaryDirectory() as folder:
        clip = _clip(arguments.video, Path(folder), arguments.keyframe_interval)
        results = measure(clip, arguments.repeats)
        record = _machine() | _describe(clip, arguments.video)
    ratios = _ratios({result.name: result for result in results})
    print(_table(results, ratios))
    if arguments.output:
        record |= {"repeats": arguments.repeats, "ratios": ratios}
        record |= {"measurements": [asdict(result) for result in results]}
        arguments.output.write_text(json.dumps(record, indent=2) + "\n")


def measure(clip: Clip, repeats: int) -> list[Measurement]:
    """Do everything in turns, once more than is counted."""
    num_fields = clip.keyframe_interval - 1
    cases: dict[str, tuple[Callable[[Clip], int], int | None]] = {
        "frames": (_frames, None),
        "motion": (_vectors, None),
        "motion + fields": (_fields, None),
        "fields from the cache": (_cached_fields, None),
        "a field at a distance, made": (_made_alone, num_fields),
        "a field at a distance, from the cache": (_read_alone, num_fields),
    }
    if importlib.util.find_spec("mvextractor"):
        cases[PACKAGE] = (_package, None)
    else:
        print(f"{PACKAGE} is not installed and left out", file=sys.stderr)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for turn in range(repeats + 1):
        for name, (function, expected) in cases.items():
            start = time.perf_counter(), time.process_time()
            count = function(clip)
            wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
            if expected is not None and count != expected:
                raise RuntimeError(f"{name} gave {count} instead of {expected}")
            if turn:  # the first warms up
                times[name].append((1e3 * wall / count, 1e3 * cpu / count))
        print(f"turn {turn} of {repeats}", file=sys.stderr)
    return [
        Measurement(name, *(round(statistics.median(part), 3) for part in zip(*taken, strict=True)))
        for name, taken in times.items()
    ]


def _frames(clip: Clip) -> int:
    return sum(1 for _ in decode(clip.video))


def _vectors(clip: Clip) -> int:
    return sum(1 for _ in decode_motion(clip.video))


def _fields(clip: Clip) -> int:
    index, chain = 0, MotionChain(probe(clip.video).size)
    for index, (_, step) in enumerate(decode_motion(clip.video)):
        chain.push(step)
        if index % clip.keyframe_interval == 0:
            chain.restart()
        chain.motion()
    return index + 1


def _cached_fields(clip: Clip) -> int:
    motion = VideoMotion(clip.entry)
    for frame in range(motion.num_frames):
        motion.motion(frame, frame - frame % clip.keyframe_interval)
    return motion.num_frames


def _made_alone(clip: Clip) -> int:
    return sum(_made(clip, distance) is not None for distance in range(1, clip.keyframe_interval))


def _made(clip: Clip, distance: int) -> Motion | None:
    chain = MotionChain(probe(clip.video).size)
    for index, (_, step) in enumerate(decode_motion(clip.video)):
        if index:
            chain.push(step)
        if index == distance:
            return chain.motion()
    return None


def _read_alone(clip: Clip) -> int:
    for distance in range(1, clip.keyframe_interval):
        VideoMotion(clip.entry).motion(distance, 0)
    return clip.keyframe_interval - 1


def _package(clip: Clip) -> int:
    from mvextractor.videocap import VideoCap

    video, count = VideoCap(), 0
    if not video.open(str(clip.video)):
        raise RuntimeError(f"{PACKAGE} cannot open {clip.video}")
    while video.read()[0]:
        count += 1
    video.release()
    return count


def _clip(video: Path | None, folder: Path, keyframe_interval: int) -> Clip:
    """The clip and its cached motion, made where they are not given."""
    if video is None:
        print("making the clip", file=sys.stderr)
        video = folder / "driving.mp4"
        scene = DrivingScene(HEIGHT, WIDTH, NUM_FRAMES)
        encode_frames(scene.images(), video, EncodeSettings())
    cache = MotionCache(folder / "motion")
    cache.ensure(video)
    return Clip(video, cache.entry(video), keyframe_interval)


def _ratios(results: dict[str, Measurement]) -> dict[str, dict[str, float]]:
    """The figures that are promised, by time and by CPU time."""
    pairs = {
        "fields over motion": ("motion + fields", "motion"),
        "fields made over read, in order": ("motion + fields", "fields from the cache"),
        "fields made over read, at a distance": (
            "a field at a distance, made",
            "a field at a distance, from the cache",
        ),
        f"{PACKAGE} over motion": (PACKAGE, "motion"),
    }
    return {
        name: {
            "time": round(results[above].ms / results[below].ms, 3),
            "cpu_time": round(results[above].cpu_ms / results[below].cpu_ms, 3),
        }
        for name, (above, below) in pairs.items()
        if above in results
    }


def _table(results: list[Measurement], ratios: dict[str, dict[str, float]]) -> str:
    """Markdown: a row for each way of doing it, and one for each ratio."""
    lines = ["| | ms | CPU ms | a second |", "| --- | --- | --- | --- |"]
    lines += [f"| {r.name} | {r.ms:.2f} | {r.cpu_ms:.2f} | {1e3 / r.ms:.0f} |" for r in results]
    lines += ["", "| ratio | by time | by CPU time |", "| --- | --- | --- |"]
    lines += [f"| {name} | {r['time']:.2f} | {r['cpu_time']:.2f} |" for name, r in ratios.items()]
    return "\n".join(lines)


def _describe(clip: Clip, given: Path | None) -> dict[str, object]:
    info, index = probe(clip.video), VideoMotion(clip.entry)
    return {
        "clip": given.name if given else "synthetic driving scene, seed 0",
        "height": info.size[0],
        "width": info.size[1],
        "num_frames": index.num_frames,
        "bytes_per_frame": round(clip.video.stat().st_size / index.num_frames),
        "cached_bytes_per_frame": round(clip.entry.stat().st_size / index.num_frames),
        "keyframe_interval": clip.keyframe_interval,
    }


def _machine() -> dict[str, object]:
    """Where and when the figures were taken."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"model name\s*:\s*(.+)", text)
    installed = importlib.util.find_spec("mvextractor") is not None
    return {
        "cpu": model.group(1) if model else platform.processor(),
        "cores": os.cpu_count(),
        "cores_used": len(os.sched_getaffinity(0)),
        "load_average_1min": os.getloadavg()[0],
        "python": platform.python_version(),
        "av": av.__version__,
        "numpy": np.__version__,
        PACKAGE: importlib.metadata.version(PACKAGE) if installed else None,
        "native": native.status(),
        "date": time.strftime("%Y-%m-%d"),
    }


if __name__ == "__main__":
    main()
