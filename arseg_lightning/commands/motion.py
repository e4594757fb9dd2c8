"""The command ``motion``: how well a stream's motion warps labels."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.clips import keyframes
from arseg_lightning.datasets.data_files import files, frame_number
from arseg_lightning.datasets.labels import read_label
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.files import write_atomic
from arseg_lightning.provenance import Provenance
from arseg_lightning.report.motion_quality import draw_motion, plot_quality, quality_table
from arseg_lightning.types import ClassSet
from arseg_lightning.video.cache import MotionSource
from arseg_lightning.video.encode import EncodeSettings
from arseg_lightning.video.frame_reader import read_frames
from arseg_lightning.video.quality import MotionQuality, measure_motion
from arseg_lightning.video.video_motion import VideoMotion

__all__ = ["match_labels", "motion"]


def motion(
    video: Path,
    labels: Path,
    classes: str = "camvid11",
    keyframe_interval: int = 12,
    motion: MotionSource = "codec",
    output: Path | None = None,
    store: Path = Path("data/cache"),
) -> MotionQuality:
    """Measure how well a video's motion warps labels from its keyframes to the frames behind.

    The label of each keyframe, warped by the composed motion vectors, is compared with the own
    label of each frame up to the next keyframe: mIoU for each distance, next to the keyframe's
    label left as it is.

    Args:
        video: The video.
        labels: Folder of PNG labels: one for each frame in the order of the names, or some, named
            after their frame numbers, counted from 0.
        classes: Name of a class set, or path of a YAML file.
        keyframe_interval: Every so many frames is a keyframe (or the next that is no B-frame), and
            so is each I-frame.
        motion: codec takes the video's own vectors; reencode makes an H.264 copy first if the
            video has none that can be used.
        output: Folder for the result (JSON) and two pictures; none are written by default.
        store: Folder of the motion cache and of copies.

    Returns:
        The measurement.

    Raises:
        FileNotFoundError: If the video or its labels are missing.
        ValueError: If one of them cannot be used, or the keyframe interval does not fit.
    """
    known = class_set(classes)
    field, path = _field(video, motion, store)
    if not 2 <= keyframe_interval <= field.num_frames:
        raise ValueError(
            f"keyframe_interval is {keyframe_interval}, and {video} has {field.num_frames} "
            f"frames; give a number from 2 to {field.num_frames}"
        )
    keys = keyframes(field.intra_frames, field.num_frames, keyframe_interval, field.anchors)
    quality = _measure(field, keys, labels, known)
    print(quality_table(quality))
    print(f"intra-coded blocks: {100 * quality.intra_share:.1f} % of the predicted frames")
    print(_source_line(field, path, video))
    if output is not None:
        settings = {
            "video": str(video),
            "labels": str(labels),
            "classes": known.name,
            "keyframe_interval": keyframe_interval,
            "motion": motion,
            "measured": str(path),
            "matching_share": field.evidence.share,
        }
        _write(output, quality, settings)
        _draw(output, path, field, keys)
        print(f"written to {output}: motion.json, motion.png, field.png")
    return quality


def match_labels(folder: Path, num_frames: int) -> dict[int, Path]:
    """Find out which label file belongs to which frame.

    If there are as many files as frames, they belong together in the order of their names;
    otherwise the last number in a file's name is the index of its frame.

    Raises:
        FileNotFoundError: If there are no labels.
        ValueError: If a name holds no number, a number no frame has, or one that another has.
    """
    paths = files(folder, (".png",), "labels")
    if len(paths) == num_frames:
        return dict(enumerate(paths))
    found: dict[int, Path] = {}
    for path in paths:
        frame = frame_number(path)
        if frame >= num_frames:
            raise ValueError(
                f"{path} would be the label of frame {frame}, but the video has {num_frames} "
                f"frames, counted from 0, and {folder} has {len(paths)} labels; give one label "
                f"for each frame, or name labels after their frames"
            )
        if frame in found:
            raise ValueError(
                f"{path} and {found[frame].name} are both labels of frame {frame}; take one away"
            )
        found[frame] = path
    return found


def _field(video: Path, source: MotionSource, store: Path) -> tuple[VideoMotion, Path]:
    """The motion of a video, and the file that it belongs to."""
    clips = ClipStore(store, EncodeSettings(), source)
    with tqdm(desc=f"reading {video.name}", unit=" frames", disable=None, leave=False) as bar:
        path = clips.usable(video, lambda *_: bar.update() and None)
        clips.cache.ensure(path, lambda *_: bar.update() and None)
    return clips.cache.read(path), path


def _source_line(field: VideoMotion, used: Path, video: Path) -> str:
    """Whose motion was measured, and how much of it leads to what looks alike."""
    share = field.evidence.share
    matching = "no vectors" if share is None else f"{100 * share:.1f} % of the area with vectors"
    whose = "the video's own" if used == video else f"that of a copy, {used}"
    return f"motion: {whose}; leads to what looks alike: {matching}"


def _measure(field: VideoMotion, keys: list[int], folder: Path, classes: ClassSet) -> MotionQuality:
    """Warp the labels in a folder along a video's motion."""
    found = match_labels(folder, field.num_frames)

    def label_of(frame: int) -> NDArray[np.uint8] | None:
        return read_label(found[frame], classes, field.size) if frame in found else None

    return measure_motion(field, keys, label_of, classes.num_classes)


def _write(output: Path, quality: MotionQuality, settings: dict[str, Any]) -> None:
    """Write the result and its plot."""
    content = {
        "mean_warped": quality.mean_warped,
        "mean_copied": quality.mean_copied,
        **asdict(quality),
        "absent_classes": "left out of the mean",
        "provenance": asdict(Provenance.collect(config=settings)),
    }
    write_atomic(output / "motion.json", json.dumps(content, indent=1) + "\n")
    title = "{video}, {classes}, L = {keyframe_interval}".format_map(settings)
    plot_quality(quality, output / "motion.png", title)


def _draw(output: Path, video: Path, field: VideoMotion, keys: list[int]) -> None:
    """Draw the field of the last frame of the first keyframe period."""
    stop = keys[1] if len(keys) > 1 else field.num_frames
    keyframe, frame = keys[0], stop - 1
    image = read_frames(video, [frame])[frame].image
    title = f"frame {frame}: where it was in keyframe {keyframe} (dark: filled in)"
    draw_motion(image, field.motion(frame, keyframe), output / "field.png", title)
