"""What motion costs beside plain decoding, for files as encoders make them.

    python benchmarks/ordinary_streams.py --video CLIP.mp4 --output benchmarks/results/NAME.csv

The clip (a synthetic driving scene at 960x540 if none is given) is encoded in several ways. Each is
decoded to RGB alone, with the codec's motion, and with that of an encoding made on the fly. Motion
is matched, and composed for every frame to a keyframe: every 12th, or the next that is no B-frame.
All run in one process on two cores, in turns, one to one. Decoding, matching and composing have a
thread each, as in ``predict``; decoding to RGB alone (``decode``) has one. Of the repeats the least
counts, of the time that a frame takes and of the CPU time of all threads.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import av
import pandas as pd

from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.report.table_files import markdown
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import decode
from arseg_lightning.video.live import LiveMotion, open_live

SIZE, NUM_FRAMES, KEYFRAME_INTERVAL, CORES = (540, 960), 120, 12, 2

WAYS = {
    "one reference": {"x264-params": "bframes=0:ref=1"},
    "4 references": {"x264-params": "bframes=0:ref=4"},
    "x264's defaults": {},
    "slow": {"preset": "slow"},
    "veryfast": {"preset": "veryfast"},
}
CASES: tuple[LiveMotion | None, ...] = (None, "codec", "reencode")
NAMES = {None: "RGB alone", "codec": "with the codec's motion", "reencode": "encoded on the fly"}


def main() -> None:
    """Measure everything in turns, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, help="a clip of one's own, instead of a made one")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path, help="a CSV file for the figures")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-CORES:])
    with tempfile.TemporaryDirectory() as folder:
        pictures = list(islice(_pictures(arguments.video), NUM_FRAMES))
        rows = [_measure(name, pictures, Path(folder), arguments.repeats) for name in WAYS]
    table = pd.DataFrame(rows)
    print(markdown(table))
    if arguments.output:
        table.to_csv(arguments.output, index=False)


def _measure(
    name: str, pictures: list[av.VideoFrame], folder: Path, repeats: int
) -> dict[str, str]:
    """The least times of one way of encoding, and how often they are those of plain decoding."""
    video = _encode(pictures, folder, name)
    taken = [[_times(video, motion) for motion in CASES] for _ in range(repeats)]  # (R, 3, 2)
    row = {"ms a frame (CPU)": name}
    plain: list[float] = []
    for motion, turns in zip(CASES, zip(*taken, strict=True), strict=True):
        least = [min(found) for found in zip(*turns, strict=True)]
        plain = plain or least
        ratios = [each / alone for each, alone in zip(least, plain, strict=True)]
        text = f"{least[0]:.2f} ({least[1]:.2f})"
        if motion is not None:
            text += f", {ratios[0]:.2f}x ({ratios[1]:.2f}x)"
        row[NAMES[motion]] = text
    return row


def _times(video: Path, motion: LiveMotion | None) -> tuple[float, float]:
    """Time of a frame, and CPU time of all threads, in ms."""
    start, cpu_start = time.perf_counter(), time.process_time()
    count = sum(1 for _ in decode(video)) if motion is None else _follow(video, motion)
    taken = time.perf_counter() - start, time.process_time() - cpu_start
    return 1e3 * taken[0] / count, 1e3 * taken[1] / count


def _follow(video: Path, motion: LiveMotion) -> int:
    """Decode a video, and compose the motion of every frame to its keyframe."""
    chain, keyframe, index = MotionChain(SIZE), 0, 0
    with open_live(video, motion=motion) as live:
        for streamed in live:
            index = streamed.frame.index
            if streamed.step is None:
                chain.reset(index)
                keyframe = index
                continue
            chain.push(streamed.step)
            if index - keyframe >= KEYFRAME_INTERVAL and streamed.step.kind == "anchor":
                chain.restart(index)
                keyframe = index
            else:
                chain.motion(index)
    return index + 1


def _encode(pictures: list[av.VideoFrame], folder: Path, name: str) -> Path:
    """The clip, encoded in one of the ways."""
    path = folder / f"{list(WAYS).index(name)}.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=WAYS[name])
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            picture.pts = None  # of the encoding before
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def _pictures(source: Path | None) -> Iterable[av.VideoFrame]:
    if source is None:
        scene = DrivingScene(height=SIZE[0], width=SIZE[1], num_frames=NUM_FRAMES)
        images = scene.images()
    else:
        images = (frame.image for frame in decode(source, size=SIZE))
    return (av.VideoFrame.from_ndarray(image, format="rgb24") for image in images)


if __name__ == "__main__":
    main()
