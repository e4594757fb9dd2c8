"""The command ``vectors``: the motion vectors of a video, for other programs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from arseg_lightning.ranges import check_range
from arseg_lightning.video import (
    MotionFrame,
    VectorFrame,
    composed_motion,
    dense_motion,
    raw_vectors,
)
from arseg_lightning.video.probe import probe
from arseg_lightning.video.vector_files import (
    Write,
    write_frame_files,
    write_records,
    write_video_file,
)

__all__ = ["vectors"]

Kind = Literal["raw", "dense", "composed"]


def vectors(
    video: Path,
    out: str,
    kind: Kind = "raw",
    keyframe_interval: int = 12,
    limit: int | None = None,
    overwrite: bool = False,
) -> int:
    """Write the motion vectors of a video, or its motion for each pixel; Ctrl-C ends it.

    What was written until then is complete: whole files, whole records (docs/vectors.md).

    Args:
        video: The video.
        out: FILE.npz, a folder for one NPZ file a frame, or - for NPY records in a pipe.
        kind: raw (the codec's records), dense (each frame's motion to the one before), or
            composed (to the last keyframe).
        keyframe_interval: Of composed motion: frames from one keyframe to the next; each I-frame is
            one, too.
        limit: Most frames.
        overwrite: Replace a file, or files of a folder, that are there already.

    Returns:
        How many frames were written.
    """
    check_range(1, limit=limit, keyframe_interval=keyframe_interval)
    target = _target(out, overwrite)
    info = probe(video)
    total = min((each for each in (info.num_frames, limit) if each), default=None)
    count = 0
    bar = tqdm(total=total, desc=video.name, unit=" frames", disable=None, leave=False)
    try:
        with _stop_asked() as asked, bar, target as write:
            for frame in islice(_frames(video, kind, keyframe_interval), limit):
                write(frame)
                count += 1
                bar.update()
                if asked:
                    break
    except BrokenPipeError:  # who reads has enough; what is buffered has no reader
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    said = "standard output" if out == "-" else out
    print(f"{said}: {count} frames, {kind}", file=sys.stderr if out == "-" else sys.stdout)
    if asked:
        sys.exit(130)  # what shells expect of a program that was ended by Ctrl-C
    return count


def _frames(video: Path, kind: Kind, keyframe_interval: int) -> Iterator[VectorFrame | MotionFrame]:
    if kind == "raw":
        yield from raw_vectors(video)
    elif kind == "dense":
        yield from dense_motion(video)
    else:
        yield from composed_motion(video, keyframe_interval)


def _target(out: str, overwrite: bool) -> AbstractContextManager[Write]:
    """Where frames are written.

    Raises:
        FileExistsError: If there is something already that is not to be replaced.
    """
    if out == "-":
        return write_records(sys.stdout.buffer)
    path = Path(out)
    if path.suffix == ".npz":
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; add --overwrite true to replace it")
        return write_video_file(path)
    if path.is_file():
        raise FileExistsError(f"{path} is a file; give FILE.npz, a folder, or -")
    if path.is_dir() and any(path.glob("*.npz")) and not overwrite:
        raise FileExistsError(
            f"{path} holds NPZ files; choose another folder, or add --overwrite true to replace "
            f"those of the same frames"
        )
    return write_frame_files(path)


@contextmanager
def _stop_asked() -> Iterator[list[int]]:
    """Note Ctrl-C and SIGTERM, so that the frame in hand is finished; the second ends at once."""
    asked = list[int]()

    def note(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
