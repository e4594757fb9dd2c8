"""The command ``show-motion``: a video's motion to look at."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from arseg_lightning.drawing import MotionKind, MotionScale, motion_picture
from arseg_lightning.files import replacing
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.streaming.motion_frames import motion_frames
from arseg_lightning.video.live import LiveMotion, open_live
from arseg_lightning.video.timed_video import TimedVideo, video_file

__all__ = ["show_motion"]

_VIDEOS = (".mp4", ".m4v", ".mov")


def show_motion(
    video: str,
    output: Path,
    kind: MotionKind = "both",
    keyframe_interval: int | None = None,
    motion: LiveMotion = "auto",
    scale: float | None = None,
    limit: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Draw a video's motion: arrows on its pictures, and the colours of the Middlebury wheel.

    Arrows and colours lead from each place to where it was, in pixels of the video. Places without
    a vector, or whose vector leads to nothing that looks alike, are hatched. Ctrl-C ends it.

    Args:
        video: A video file, a folder of images, camera:0, an address (rtsp://), or - (a pipe).
        output: A video (.mp4), or a folder for an image a frame.
        kind: arrows, wheel, or both side by side.
        keyframe_interval: Show motion composed to the last keyframe, every so many frames and at
            I-frames; by default motion to the frame before.
        motion: codec (its own or a refusal), reencode (on the fly), or auto.
        scale: Pixels that have full colour; by default it grows in steps as motion does.
        limit: Most frames.
        overwrite: Replace what is there already.

    Returns:
        The video or the folder.
    """
    check_words(kind=(kind, MotionKind))
    check_range(1, limit=limit, keyframe_interval=keyframe_interval)
    scales, interrupted = MotionScale(scale), False
    target_of = _target(output, overwrite)
    with open_live(video, motion=motion) as live, target_of(live.fps) as target:
        frames = motion_frames(islice(live, limit), keyframe_interval)
        total = limit if live.num_frames is None else min(limit or live.num_frames, live.num_frames)
        try:
            for shown in tqdm(frames, total=total, unit=" frames", disable=None, leave=False):
                pixels = scales.add(shown.motion.xy)
                target.write(motion_picture(shown, kind, pixels), shown.frame.pts_seconds)
        except KeyboardInterrupt:  # what was written is whole
            interrupted = True
    print(f"written: {output} ({target.num_frames} frames)")
    if interrupted:
        sys.exit(130)  # what shells expect of a program that was ended by Ctrl-C
    return output


def _target(output: Path, overwrite: bool) -> Callable[[float], TimedVideo | _Images]:
    """What is written to, once the frames per second are known.

    Raises:
        FileExistsError: If something is there that may not be replaced.
        ValueError: If the file is to have another ending.
    """
    is_video = output.suffix.lower() in _VIDEOS
    if output.suffix and not is_video:
        raise ValueError(
            f"--output is a video ({', '.join(_VIDEOS)}) or a folder without an ending, "
            f"got {output}"
        )
    present = output.exists() if is_video else any(output.glob("[0-9]*.png"))
    if present and not overwrite:
        raise FileExistsError(
            f"{output} holds pictures already; add --overwrite true to replace them"
        )
    return partial(video_file, output) if is_video else lambda _: _Images(output)


class _Images:
    """An image a frame in a folder, ``000012.png``, in place of those that were there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.num_frames = folder, 0

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for older in self.folder.glob("[0-9]*.png"):
            older.unlink()
        return self

    def write(self, image: NDArray[np.uint8], seconds: float) -> None:
        """Write the next image, whatever its time."""
        with replacing(self.folder / f"{self.num_frames:06d}.png", durable=False) as path:
            Image.fromarray(image).save(path, compress_level=1)
        self.num_frames += 1

    def __exit__(self, *_: object) -> None:
        pass
