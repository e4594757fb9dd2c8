"""The command ``motion``: how well a stream's motion warps labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.clips import keyframes
from arseg_lightning.datasets.data_files import by_frame, files
from arseg_lightning.datasets.labels import read_label
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.files import write_atomic
from arseg_lightning.ranges import check_range
from arseg_lightning.video.cache import MotionSource
from arseg_lightning.video.encode import EncodeSettings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["motion"]


def motion(
    video: Path,
    labels: Path,
    classes: str = "camvid11",
    keyframe_interval: int = 12,
    motion: MotionSource = "codec",
    out: Path | None = None,
    store: Path = Path("data/cache"),
) -> pd.DataFrame:
    """Measure how well a video's motion warps labels from its keyframes to the frames after them.

    The keyframe's label, warped by the composed motion and left as it is, is compared with the
    label of each frame up to the next keyframe: mIoU for each distance.

    Args:
        video: The video.
        labels: Folder of PNG labels: one for each frame in the order of the names, or some, named
            after their frame numbers, counted from 0.
        classes: Name of a class set, or path of a YAML file.
        keyframe_interval: Frames from a keyframe to the next; each I-frame is one, too.
        motion: codec takes the video's own vectors; reencode a copy's if it has none to be used.
        out: CSV file to write, too.
        store: Folder of the motion cache and of copies.

    Returns:
        The measurement: see ``measure_motion``.
    """
    # pandas is slow to import: only commands that write tables wait for it
    from arseg_lightning.report.motion_quality import measure_motion

    known = class_set(classes)
    clips = ClipStore(store, EncodeSettings(), motion)
    with tqdm(desc=f"reading {video.name}", unit=" frames", disable=None, leave=False) as bar:
        path = clips.usable(video, lambda *_: bar.update() and None)
        clips.cache.ensure(path, lambda *_: bar.update() and None)
    field = clips.cache.read(path)
    check_range(2, field.num_frames, keyframe_interval=keyframe_interval)
    keys = keyframes(field.intra_frames, field.num_frames, keyframe_interval, field.anchors)
    paths = files(labels, (".png",), "labels")
    found = dict(enumerate(paths)) if len(paths) == field.num_frames else by_frame(paths)
    if (last := max(found)) >= field.num_frames:
        raise ValueError(
            f"{found[last]} would be the label of frame {last}, but the video has "
            f"{field.num_frames} frames, counted from 0; give one label for each, or name some so"
        )

    def label_of(frame: int) -> NDArray[np.uint8] | None:
        return read_label(found[frame], known, field.size) if frame in found else None

    quality = measure_motion(field, keys, label_of, known.num_classes)
    print((quality * [1, 100, 100, 100]).to_string(float_format="{:.1f}".format))
    print("mean: {warped:.1%} warped, {copied:.1%} copied".format_map(quality.mean()))
    share = field.evidence.share
    matching = "no vectors" if share is None else f"{100 * share:.1f} % of the area with vectors"
    whose = "the video's own" if path == video else f"that of a copy, {path}"
    print(f"motion: {whose}; leads to what looks alike: {matching}")
    if out is not None:
        write_atomic(out, quality.to_csv())
        print(f"written to {out}")
    return quality
