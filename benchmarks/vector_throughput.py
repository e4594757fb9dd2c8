"""Raw motion vectors a second, against the PyPI package motion-vector-extractor.

    pip install --no-deps motion-vector-extractor    # its OpenCV is needed by its previews alone
    python benchmarks/vector_throughput.py --video A.mp4 --output benchmarks/results/NAME.json

Files are a synthetic driving scene (300 frames of 720x960, H.264), and one's own. Both read the
same file in one process, vectors alone (the package with ``set_decode_frames(False)``), in turns,
on one core: the package's threads cannot be set, ours is one. Time and CPU time of all threads are
the least of all turns, per frame that came; where other programs run, CPU time says more. Opening a
file is part of it.

The package leaves out the frames that its decoder still holds at the end, and its decoder's threads
give other vectors each time where there are B-frames: ``varies`` says whether the number of all
vectors did.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av

from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.provenance import machine
from arseg_lightning.video import raw_vectors
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.probe import probe

PACKAGE = "motion-vector-extractor"
HEIGHT, WIDTH, NUM_FRAMES = 720, 960, 300


@dataclass(frozen=True, slots=True)
class Reading:
    """One way of reading a file: the least of all turns.

    Args:
        ms: Time for a frame.
        cpu_ms: CPU time of all threads for it.
        frames: Frames that came.
        vectors: Vectors that came with them, in the last turn.
        varies: Whether that was another number in some turn.
    """

    ms: float
    cpu_ms: float
    frames: int
    vectors: int
    varies: bool


def main() -> None:
    """Measure every file, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, action="append", default=[], help="again for each")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path, help="JSON for the figures; a table beside, as CSV")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "synthetic driving scene.mp4"
        scene = DrivingScene(HEIGHT, WIDTH, NUM_FRAMES)
        encode_frames(scene.images(), made, EncodeSettings())
        files = [measure(path, arguments.repeats) for path in (made, *arguments.video)]
    rows = [_row(file) for file in files]
    print("\n".join("  ".join(row.values()) for row in rows))
    if arguments.output:
        record = machine() | {
            "av": av.__version__,
            PACKAGE: importlib.metadata.version(PACKAGE),
            "cores_used": len(os.sched_getaffinity(0)),
            "load_average_1min": os.getloadavg()[0],
            "repeats": arguments.repeats,
            "files": files,
        }
        arguments.output.write_text(json.dumps(record, indent=2) + "\n")
        with arguments.output.with_suffix(".csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


def measure(path: Path, repeats: int) -> dict[str, Any]:
    """Read a file in all ways in turns, once more than is counted."""
    ways: dict[str, Callable[[Path], tuple[int, int]]] = {
        "ours": _ours,
        "ours, with images": _with_images,
        PACKAGE: _package,
    }
    taken: dict[str, list[tuple[float, float, int, int]]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, read in ways.items():
            start = time.perf_counter(), time.process_time()
            frames, vectors = read(path)
            wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
            if turn:  # the first warms up
                taken[name].append((1e3 * wall / frames, 1e3 * cpu / frames, frames, vectors))
        print(f"{path.stem}: turn {turn} of {repeats}", file=sys.stderr)
    found = {name: _least(each) for name, each in taken.items()}
    info, ours, theirs = probe(path), found["ours"], found[PACKAGE]
    return {
        "name": path.stem,
        "size": info.size,
        "kilobits_a_frame": round(8e-3 * path.stat().st_size / ours.frames, 1),
        "ratio": round(theirs.ms / ours.ms, 3),
        "cpu_ratio": round(theirs.cpu_ms / ours.cpu_ms, 3),
        "readings": {name: asdict(each) for name, each in found.items()},
    }


def _ours(path: Path) -> tuple[int, int]:
    return _count(len(frame.vectors) for frame in raw_vectors(path))


def _with_images(path: Path) -> tuple[int, int]:
    return _count(len(frame.vectors) for frame in raw_vectors(path, images=True))


def _package(path: Path) -> tuple[int, int]:
    from mvextractor.videocap import VideoCap

    video, counts = VideoCap(), []
    if not video.open(str(path)):
        raise RuntimeError(f"{PACKAGE} cannot open {path}")
    video.set_decode_frames(False)
    while (read := video.read())[0]:
        counts.append(len(read[2]))
    video.release()
    return _count(counts)


def _count(numbers: Iterable[int]) -> tuple[int, int]:
    """Of frames by their numbers of vectors: how many frames, how many vectors."""
    found = list(numbers)
    return len(found), sum(found)


def _least(taken: list[tuple[float, float, int, int]]) -> Reading:
    ms, cpu_ms, frames, vectors = zip(*taken, strict=True)
    least = round(min(ms), 4), round(min(cpu_ms), 4)
    return Reading(*least, frames[-1], vectors[-1], len(set(vectors)) > 1)


def _row(file: dict[str, Any]) -> dict[str, str]:
    """A row of the table: frames a second of CPU time, and of time in brackets."""
    readings = file["readings"]
    height, width = file["size"]
    cells = {
        name: f"{1e3 / each['cpu_ms']:.0f} ({1e3 / each['ms']:.0f})"
        for name, each in readings.items()
    }
    return {
        "frames a CPU second (a second)": f"{file['name']}, {height}x{width}",
        "kbit a frame": f"{file['kilobits_a_frame']:.0f}",
        **cells,
        "ratio": f"{file['cpu_ratio']:.2f} ({file['ratio']:.2f})",
    }


if __name__ == "__main__":
    main()
