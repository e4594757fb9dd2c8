"""Kill who prepares a video, at random moments: nothing that is left may read wrong.

    python benchmarks/cache_stress.py --kills 20 --output benchmarks/results/cache_stress.json

A video without vectors (MJPEG) is made on the spot, so that preparing it is two steps: an H.264
copy, and its motion. A builder is a process that is ended by SIGKILL, at a moment drawn evenly
over the time that an undisturbed one takes. Afterwards every file in the store must be, byte for
byte, what the undisturbed build left; hidden files are never read, and are counted. In turns a
builder starts with an empty store, and with one that has the copy. Beside every other pair of them
a second builder wants the same, which must finish what the killed one began. What a killed one
left behind stays for the next. The exit status is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import av

from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.video.encode import EncodeSettings

CONTEXT = multiprocessing.get_context("forkserver")

Contents = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of it.

    Args:
        kills: Builders that were killed before they had finished.
        too_late: Builders that had finished before their moment.
        seed: Decides the moments.
        build_seconds: How long an undisturbed build takes: of copy and motion, of motion alone.
        left: What was in the store after a kill, and how often.
        most_parts: Hidden files beside it, at most.
        taken_over: How often a builder that waited finished what a killed one had begun.
        wrong: Files that were missing, or not what the undisturbed build leaves.
    """

    kills: int
    too_late: int
    seed: int
    build_seconds: tuple[float, float]
    left: dict[str, int]
    most_parts: int
    taken_over: int
    wrong: list[str]


def main() -> None:
    """Stress a store and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=20, help="how many builders are killed")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    parser.add_argument("--output", type=Path, help="JSON file for the summary")
    arguments = parser.parse_args()
    CONTEXT.set_forkserver_preload(["arseg_lightning.datasets.store"])
    with tempfile.TemporaryDirectory() as folder:
        summary = stress(Path(folder), arguments.kills, arguments.seed)
    text = json.dumps(asdict(summary), indent=1)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")
    sys.exit(1 if summary.wrong else 0)


def stress(folder: Path, kills: int, seed: int) -> Summary:
    """Kill so many builders and look at what they leave."""
    video, root = folder / "driving.avi", folder / "store"
    scene = DrivingScene(height=160, width=240, num_frames=120)
    images = scene.images()
    with av.open(str(video), "w") as container:
        stream = container.add_stream("mjpeg", 25)  # has no vectors: is copied
        stream.height, stream.width, stream.pix_fmt = scene.height, scene.width, "yuvj420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    expected, seconds = undisturbed(video, folder / "undisturbed")
    moments = random.Random(seed)
    killed = too_late = most_parts = taken_over = 0
    left: Counter[str] = Counter()
    wrong: list[str] = []
    while killed < kills:
        has_copy = killed % 2
        place_copy(root, expected, bool(has_copy))
        victim = builder(video, root)
        other = builder(video, root) if killed // 2 % 2 else None
        time.sleep(moments.uniform(0, seconds[has_copy]))
        in_time = victim.is_alive()
        victim.kill()
        victim.join()
        killed, too_late = killed + in_time, too_late + (not in_time)
        found = contents(root)
        wrong += differing(found, expected)
        if in_time:
            left[" and ".join(sorted(Path(name).parent.name for name in found)) or "nothing"] += 1
        most_parts = max(most_parts, sum(path.name[0] == "." for path in root.rglob("*")))
        if other is not None:
            other.join()
            taken_over += in_time
            wrong += differing(contents(root), expected, complete=True)
    ClipStore(root, EncodeSettings(), "reencode").prepare_video(video)
    wrong += differing(contents(root), expected, complete=True)
    return Summary(killed, too_late, seed, seconds, dict(left), most_parts, taken_over, wrong)


def undisturbed(video: Path, root: Path) -> tuple[Contents, tuple[float, float]]:
    """What a builder leaves that nobody kills, and how long it takes without and with the copy."""
    seconds = []
    found: Contents = {}
    for has_copy in (False, True):
        place_copy(root, found, has_copy)
        process = builder(video, root)
        start = time.monotonic()
        process.join()
        seconds.append(round(time.monotonic() - start, 3))
        found = contents(root)
    if len(found) != 2:
        raise RuntimeError(f"a copy and its motion were to be made, got {sorted(found)}")
    return found, (seconds[0], seconds[1])


def place_copy(root: Path, expected: Contents, has_copy: bool) -> None:
    """Take everything complete away, except for the copy if there is to be one."""
    for name in contents(root):
        (root / name).unlink()
    for name, content in expected.items():
        if has_copy and name.startswith("copies"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)


def builder(video: Path, root: Path) -> ForkServerProcess:
    """A process that prepares a video, from the moment at which it begins to."""
    begun = CONTEXT.Event()
    process = CONTEXT.Process(target=build, args=(video, root, begun))
    process.start()
    begun.wait()
    return process


def build(video: Path, root: Path, begun: Event) -> None:
    """What a builder does."""
    store = ClipStore(root, EncodeSettings(), "reencode")
    begun.set()
    store.prepare_video(video)


def contents(root: Path) -> Contents:
    """The files of a store that are ever read."""
    paths = [path for path in root.rglob("*") if path.is_file() and path.name[0] != "."]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def differing(found: Contents, expected: Contents, complete: bool = False) -> list[str]:
    """Files that are not what they should be, and if all should be there, those that are not."""
    missing = [name for name in expected if complete and name not in found]
    return missing + [name for name, content in found.items() if expected.get(name) != content]


if __name__ == "__main__":
    main()
