"""How well the motion of files as encoders make them warps labels.

    python benchmarks/ordinary_quality.py --clip CLIP --output benchmarks/results/NAME.csv

The clip is a folder of ``images`` and, of the same names, ``labels`` of 11 classes (as CamVid has:
of 0 to 10). It is encoded in several ways; the labels of each frame that is no B-frame are warped
along the motion of the frames behind it, as far as 11 frames. The same frames are warped by the
motion of the clip encoded with one reference and no B-frames, which is what encoding on the fly
makes: what is lost is the difference. The last rows are encoded on the fly, at full and at half
size. x264 does not encode the same twice: figures of a second run differ by 0.3, and those of
several are averaged (``REPEATS``).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Collection
from itertools import chain
from pathlib import Path

import av
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.metrics import iou_per_class
from arseg_lightning.report.motion_quality import label_confusion, warp_label
from arseg_lightning.types import Frame
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.images import image_files, read_image
from arseg_lightning.video.live.reencoder import Reencoder
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.motion_file import write_motion
from arseg_lightning.video.video_motion import VideoMotion

DISTANCES, NUM_CLASSES, FPS, REPEATS = (1, 2, 3, 6, 9, 11), 11, 15, 1
Labels = list[NDArray[np.uint8]]

_LONG = "scenecut=0:keyint=infinite"
WAYS: dict[str, tuple[str, str, dict[str, str]]] = {
    "one reference, no B": ("libx264", "mp4", {"x264-params": f"{_LONG}:bframes=0:ref=1"}),
    "x264 -bf 0 -refs 4": ("libx264", "mp4", {"x264-params": f"{_LONG}:bframes=0:ref=4"}),
    "x264's defaults": ("libx264", "mp4", {"x264-params": _LONG}),
    "x264 -preset slow": ("libx264", "mp4", {"preset": "slow", "x264-params": _LONG}),
    "x264 -preset veryfast": ("libx264", "mp4", {"preset": "veryfast", "x264-params": _LONG}),
    "x264 -crf 30": ("libx264", "mp4", {"crf": "30", "x264-params": _LONG}),
    "x264 -tune zerolatency": ("libx264", "mp4", {"tune": "zerolatency", "x264-params": _LONG}),
    "MPEG-2 -bf 2": ("mpeg2video", "ts", {"g": "300", "bf": "2", "qscale": "4"}),
    "MPEG-4 -bf 0": ("mpeg4", "mp4", {"g": "300", "bf": "0", "qscale": "4"}),
    "MPEG-4 -bf 2": ("mpeg4", "mp4", {"g": "300", "bf": "2", "qscale": "4"}),
    "MPEG-4 -flags +qpel": (
        "mpeg4",
        "mp4",
        {"g": "300", "bf": "0", "qscale": "4", "flags": "+qpel"},
    ),
}


ON_THE_FLY = {"encoded on the fly": 1, "encoded on the fly, half size": 2}
"""By how much frames are made smaller for it."""


def main() -> None:
    """Encode, propagate, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True, help="folder of images and labels")
    parser.add_argument("--ways", nargs="*", default=[*WAYS, *ON_THE_FLY], help="some of the ways")
    parser.add_argument("--output", type=Path, help="where to write the table")
    arguments = parser.parse_args()
    labels = [np.array(Image.open(path)) for path in image_files(arguments.clip / "labels")]
    rows = []
    for way in arguments.ways:
        figures = [_figures(way, arguments.clip, labels) for _ in range(REPEATS)]
        rows.append(_row(way, np.mean(figures, axis=0).tolist()))
        print(*rows[-1], sep="  ", flush=True)
    if arguments.output:
        distances = (f"d = {distance}" for distance in DISTANCES)
        columns = ["encoder's settings", "matches", "no B-frames", *distances]
        pd.DataFrame(rows, columns=columns).to_csv(arguments.output, index=False)


def _figures(way: str, clip: Path, labels: Labels) -> list[float]:
    """Share of the vectors that match, of frames that are no B-frames, and mIoU of two motions."""
    with tempfile.TemporaryDirectory() as folder:
        motion, anew = (_motion(each, clip, Path(folder)) for each in (way, next(iter(WAYS))))
        shares = motion.evidence.share or 0.0, len(motion.anchors) / motion.num_frames
        mious = (_miou(each, motion.anchors, labels) for each in (motion, anew))
        return [*shares, *chain.from_iterable(mious)]


def _row(way: str, figures: list[float]) -> tuple[str, ...]:
    """The figures of one way, in percent."""
    own, other = figures[2 : 2 + len(DISTANCES)], figures[2 + len(DISTANCES) :]
    mious = (f"{100 * a:.1f} ({100 * (a - b):+.1f})" for a, b in zip(own, other, strict=True))
    return (way, *(f"{100 * share:.1f}" for share in figures[:2]), *mious)


def _miou(motion: VideoMotion, keyframes: Collection[int], labels: Labels) -> list[float]:
    """Of all labels that are warped over each distance."""
    counts = torch.zeros((len(DISTANCES), NUM_CLASSES + 1, NUM_CLASSES + 1), dtype=torch.int64)
    for keyframe in sorted(keyframes):
        for count, distance in zip(counts, DISTANCES, strict=True):
            if keyframe + distance < motion.num_frames:
                field = motion.motion(keyframe + distance, keyframe)
                warped = warp_label(labels[keyframe], field)
                count += label_confusion(warped, labels[keyframe + distance], NUM_CLASSES)
    mious: list[float] = torch.nanmean(iou_per_class(counts)[:, :NUM_CLASSES], dim=-1).tolist()
    return mious


def _motion(way: str, clip: Path, folder: Path) -> VideoMotion:
    """The motion of the clip, encoded in one of the ways."""
    if way in ON_THE_FLY:
        return _on_the_fly(clip, folder / "on_the_fly.motion", ON_THE_FLY[way])
    encoder, ending, options = WAYS[way]
    video, cache = folder / f"{list(WAYS).index(way)}.{ending}", MotionCache(folder / "motion")
    _encode(clip, video, encoder, options)
    cache.ensure(video)
    return cache.read(video)


def _on_the_fly(clip: Path, path: Path, scale: int) -> VideoMotion:
    """The motion that a stream of the clip's images gets."""
    reencoder, frames = Reencoder(scale), []
    for index, file in enumerate(image_files(clip / "images")):
        image = read_image(file)
        picture = av.VideoFrame.from_ndarray(image, format="rgb24")
        step = reencoder.step(Frame(index, index / FPS, "P", image), picture)
        size = image.shape[0], image.shape[1]
        frames.append(("I", BlockMotion.unknown(size, index)) if step is None else ("P", step))
    with path.open("wb") as target:
        write_motion(target, frames, size, FPS)
    return VideoMotion(path)


def _encode(clip: Path, path: Path, encoder: str, options: dict[str, str]) -> None:
    """The clip, encoded in one of the ways."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=FPS, options=options)
        stream.pix_fmt = "yuv420p"
        for number, file in enumerate(image_files(clip / "images")):
            image = read_image(file)
            if not number:
                stream.height, stream.width = image.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
