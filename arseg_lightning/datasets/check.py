"""Check of a split within seconds: nothing is missing, and its labels fit frames and classes."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from arseg_lightning.datasets.labelled_video import LabelledVideo, Layout
from arseg_lightning.types import size_text

__all__ = ["check_split"]

_MOST_SAMPLED = 5  # enough to notice a wrong class set, and quick
_MOST_NAMED = 20  # absent classes: a line or two
_WINDOWS = (8, 16)  # frames of the windows of VC8 and VC16


def check_split(
    layout: Layout, keyframe_interval: int = 12, every_label: bool = False
) -> list[str]:
    """Say in lines what a split holds, after a look at all names and some labels.

    A few labelled frames, evenly spread, are read with their labels, or all with ``every_label``.

    Raises:
        OSError: If a file is missing or cannot be read.
        IndexError: If a label belongs to no frame of its video.
        ValueError: If a name or a label is wrong, or no pixel counts.
    """
    videos, classes = layout.videos(), layout.classes
    frames = [(video, index) for video in videos for index in video.labelled]
    count = len(frames) if every_label else min(_MOST_SAMPLED, len(frames))
    pixels = np.zeros(256, np.int64)  # of each class index, and of 255
    sizes = set()
    chosen = [frames[index * len(frames) // count] for index in range(count)]
    for video, index in tqdm(chosen, desc="reading labels", delay=2.0, leave=False):
        height, width, _ = video.image(index).shape
        pixels += np.bincount(video.label(index, (height, width)).ravel(), minlength=256)
        sizes.add((height, width))
    if not pixels[: classes.num_classes].any():
        if count < len(frames):
            return check_split(layout, keyframe_interval, True)  # those few may be so by chance
        raise ValueError(
            "no pixel counts; store the index of its class in each pixel, or use the class set of "
            "these labels, which names their values: {0: background, 255: ship}"
        )
    past = keyframe_interval - 1
    whole = sum(index >= past for _, index in frames)
    shown = ", ".join(size_text(size) for size in sorted(sizes))
    rates = ", ".join(sorted({f"{video.fps:g}" for video in videos}))
    name = type(layout).__name__
    if layout.has_other_labels:
        name += f" ({layout.protocol})"
    lines = [
        f"{name}, labelled frames: {len(frames)} of {shown} at {rates} fps",
        f"with the {past} frames before them that keyframe_interval={keyframe_interval} needs to "
        f"measure every distance: {whole}",
    ]
    lines += _consistency(videos)
    absent = [name for name, num in zip(classes.names, pixels, strict=False) if not num]
    if absent:
        rest = pixels[classes.ignore_index] / pixels.sum()
        named = ", ".join(absent[:_MOST_NAMED])
        if len(absent) > _MOST_NAMED:
            named += f" and {len(absent) - _MOST_NAMED} more of {classes.num_classes} classes"
        lines.append(
            f"no pixel of {named} in {count} labels (--all: in all); {rest:.0%} is left out"
        )
    return lines


def _consistency(videos: list[LabelledVideo]) -> list[str]:
    """What video consistency is measured on: windows in which every frame is labelled."""
    runs = [run for video in videos for run in _runs(video.labelled)]
    windows = [sum(max(run - size + 1, 0) for run in runs) for size in _WINDOWS]
    if not windows[0]:
        return []
    counts = " and ".join(f"{num} of {size}" for num, size in zip(windows, _WINDOWS, strict=True))
    return [f"windows of consecutive labels, for VC: {counts} frames; at most {max(runs)} in a row"]


def _runs(labelled: tuple[int, ...]) -> list[int]:
    """Lengths of the runs of neighbours among ascending frames."""
    breaks = np.flatnonzero(np.diff(labelled) != 1) + 1
    return [int(length) for length in np.diff([0, *breaks, len(labelled)])]
