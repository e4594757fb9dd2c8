"""What motion costs beside plain decoding, for files as encoders make them.

    python benchmarks/ordinary_streams.py --video CLIP.mp4 --output benchmarks/results/NAME.json

The clip (a synthetic driving scene at 960x540 if none is given) is encoded in several ways. Each is
decoded to RGB alone, with the codec's motion, and with that of an encoding made on the fly. Motion
is matched, and composed for every frame to a keyframe: every 12th, or the next that is no B-frame.
All run in one process on one core, in turns; medians of CPU time count, that of all threads.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import av

from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import decode
from arseg_lightning.video.live import LiveMotion
from arseg_lightning.video.live.files import FileFeed
from arseg_lightning.video.live.steps import Steps

SIZE, NUM_FRAMES, KEYFRAME_INTERVAL = (540, 960), 120, 12

WAYS = {
    "one reference": {"x264-params": "bframes=0:ref=1"},
    "4 references": {"x264-params": "bframes=0:ref=4"},
    "x264's defaults": {},
    "slow": {"preset": "slow"},
    "veryfast": {"preset": "veryfast"},
}


def main() -> None:
    """Measure everything in turns, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, help="a clip of one's own, instead of a made one")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, help="where to write the figures, as JSON")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    with tempfile.TemporaryDirectory() as folder:
        videos = {name: _encode(arguments.video, Path(folder), name) for name in WAYS}
        times: dict[str, dict[str, list[float]]] = {
            name: {"rgb": [], "codec": [], "reencode": []} for name in WAYS
        }
        for _ in range(arguments.repeats):
            for name, video in videos.items():
                for case, found in times[name].items():
                    found.append(_cpu_ms(video, case))
    table = {
        name: {case: statistics.median(found) for case, found in cases.items()}
        for name, cases in times.items()
    }
    print(f"{'CPU ms a frame':16} {'RGB':>6} {'+ codec':>8} {'+ anew':>8} {'codec':>7} {'anew':>6}")
    for name, row in table.items():
        ratios = [row[case] / row["rgb"] for case in ("codec", "reencode")]
        print(
            f"{name:16} {row['rgb']:6.2f} {row['codec']:8.2f} {row['reencode']:8.2f} "
            f"{ratios[0]:6.2f}x {ratios[1]:5.2f}x"
        )
    if arguments.output:
        arguments.output.write_text(json.dumps({"cpu_ms": table}, indent=1) + "\n")


def _cpu_ms(video: Path, case: str) -> float:
    """CPU time of a frame, in ms."""
    start, count = time.process_time(), 0
    if case == "rgb":
        count = sum(1 for _ in decode(video))
    else:
        count = _follow(video, "codec" if case == "codec" else "reencode")
    return 1e3 * (time.process_time() - start) / count


def _follow(video: Path, motion: LiveMotion) -> int:
    """Decode a video, and compose the motion of every frame to its keyframe."""
    chain, keyframe, index = MotionChain(SIZE), 0, 0
    for streamed in Steps(FileFeed(video), motion, None, "").frames():
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


def _encode(source: Path | None, folder: Path, name: str) -> Path:
    """The clip, encoded in one of the ways."""
    path = folder / f"{list(WAYS).index(name)}.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=WAYS[name])
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        for picture in islice(_pictures(source), NUM_FRAMES):
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
