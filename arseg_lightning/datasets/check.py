"""Check of data within seconds: what is there, what is missing, and what it is good for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arseg_lightning.datasets.data_files import Gap
from arseg_lightning.datasets.labelled_video import LabelledVideo, Pixels
from arseg_lightning.datasets.labels import image_size, read_label
from arseg_lightning.datasets.layout import Layout, PreparedClip, PreparedLayout
from arseg_lightning.types import ClassSet
from arseg_lightning.video.probe import motion_obstacle, probe

__all__ = ["DataCheck", "SplitCheck", "check_data", "check_split"]

_MOST_SAMPLED = 5  # enough to notice a wrong class set, and quick

_Size = tuple[int, int]
# Names of labelled frames, and functions that read the size of each and its label.
_Frames = Sequence[tuple[str, Callable[[], tuple[_Size, Pixels]]]]


@dataclass(slots=True)
class SplitCheck:
    """What one split holds."""

    name: str
    layout: str  # its class
    keyframe_interval: int  # L of the paper's protocol
    num_videos: int = 0  # complete labelled videos
    num_labelled: int = 0  # labelled frames in them
    num_with_past: int = 0  # labelled frames that have a frame before them
    num_with_whole_past: int = 0  # labelled frames that have L-1 frames before them
    motion: str | None = None  # as in LabelledVideo, or "prepared files"; None without videos
    sizes: tuple[_Size, ...] = ()  # heights and widths of the sampled frames
    fps: tuple[float, ...] = ()  # frame rates that occur, ascending
    num_sampled: int = 0  # labels that were read
    void_share: float | None = None  # share of their pixels that is left out
    absent: tuple[str, ...] = ()  # classes of which they hold no pixel
    empty: tuple[str, ...] = ()  # names of those in which no pixel counts
    gaps: tuple[Gap, ...] = ()  # files that are missing
    unused: tuple[Path, ...] = ()  # labels that belong to no frame
    problems: tuple[str, ...] = ()  # what else would stop a run, with the remedy
    notes: tuple[str, ...] = ()  # what is worth knowing

    @property
    def uses(self) -> tuple[str, ...]:
        """What it is good for as it is; nothing while a file is missing or wrong."""
        if self.gaps or self.problems or not self.num_labelled:
            return ()
        trained = self.motion != "prepared files"
        protocol = (
            f"the paper's protocol (every distance at L={self.keyframe_interval}, on "
            f"{self.num_with_whole_past} frames)"
        )
        uses = {
            "phase 1": trained,
            f"phase 2 from {self.motion}": trained and self.num_with_past > 0,
            protocol: self.motion != "camera paths" and self.num_with_whole_past > 0,
        }
        return tuple(use for use, possible in uses.items() if possible)


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What the splits of some data hold."""

    source: str  # where the data are, or the configuration that names them
    splits: tuple[SplitCheck, ...]

    @property
    def is_usable(self) -> bool:
        """Whether any split is good for anything."""
        return any(split.uses for split in self.splits)


def check_data(
    source: str,
    layouts: Mapping[str, Layout | PreparedLayout],
    keyframe_interval: int = 12,
    every_label: bool = False,
) -> DataCheck:
    """Check several splits, as :func:`check_split` does, under the name of their source."""
    checks = (
        check_split(name, layout, keyframe_interval, every_label)
        for name, layout in layouts.items()
    )
    return DataCheck(source, tuple(checks))


def check_split(
    name: str,
    layout: Layout | PreparedLayout,
    keyframe_interval: int = 12,
    every_label: bool = False,
) -> SplitCheck:
    """Check a split: all names, the headers of videos, and labels; no video is decoded.

    Labels are read evenly spread; all of them with ``every_label``, or if nothing counts in those
    few, which may be chance.
    """
    check = SplitCheck(name, type(layout).__name__, keyframe_interval)
    frames: _Frames
    try:
        if isinstance(layout, PreparedLayout):
            clips = [clip for clip in layout.clips(keyframe_interval) if clip.distance == 0]
            frames = [(c.label.stem, partial(_read_clip, c, layout.classes)) for c in clips]
            check.num_videos = check.num_with_whole_past = len(clips)
            check.motion = "prepared files"
        else:
            inventory = layout.inventory()
            check.gaps, check.unused = tuple(inventory.gaps), tuple(inventory.unused)
            labelled = [(video, index) for video in inventory.videos for index in video.labelled]
            frames = [(f"{v.name}/{i:06d}", partial(_read_frame, v, i)) for v, i in labelled]
            check.num_with_past = sum(index >= 1 for _, index in labelled)
            check.num_with_whole_past = sum(i >= keyframe_interval - 1 for _, i in labelled)
            _check_videos(inventory.videos, check)
        check.num_labelled = len(frames)
        _check_labels(frames, layout.classes, every_label, check)
    except FileNotFoundError as error:
        gap = Gap("file", check.layout, str(error))
        return SplitCheck(name, check.layout, keyframe_interval, gaps=(gap,))
    except (OSError, ValueError) as error:
        return SplitCheck(name, check.layout, keyframe_interval, problems=(str(error),))
    return check


def _read_frame(video: LabelledVideo, index: int) -> tuple[_Size, Pixels]:
    size = video.check_size(index)
    return size, video.label(index, size)


def _read_clip(clip: PreparedClip, classes: ClassSet) -> tuple[_Size, Pixels]:
    size = image_size(clip.images[-1])
    return size, read_label(clip.label, classes, size)


def _check_videos(videos: Sequence[LabelledVideo], check: SplitCheck) -> None:
    """Read the headers of all recordings, and compare them with the last label of each."""
    check.num_videos = len(videos)
    check.motion = videos[0].motion_origin if videos else None
    check.fps = tuple(sorted({video.fps for video in videos}))
    # Many excerpts share a recording: its last label decides whether it is long enough.
    last: dict[Path, tuple[int, Path, bool]] = {}
    for video in videos:
        if video.recording is not None and video.labelled:
            index = video.labelled[-1]
            new = (video.start + index, video.label_paths[index], video.video is not None)
            last[video.recording] = max(new, last.get(video.recording, new))
    for path, (frame, label, is_used_itself) in last.items():
        try:
            info = probe(path)
        except (OSError, ValueError) as error:
            check.problems += (str(error),)
            continue
        if info.num_frames is not None and frame >= info.num_frames:
            check.problems += (
                f"{label} belongs to frame {frame} of {path}, which has {info.num_frames} frames, "
                f"counted from 0; the label's number is wrong, or the video is cut short",
            )
        obstacle = motion_obstacle(info.codec, info.orientation)
        if is_used_itself and obstacle:
            check.notes += (f"{path.name} {obstacle}: set data.motion: reencode",)


def _check_labels(frames: _Frames, classes: ClassSet, every: bool, check: SplitCheck) -> None:
    """Read labels: a few, evenly spread, as files next to one another look alike; or all."""
    count = len(frames) if every else min(_MOST_SAMPLED, len(frames))
    chosen = [frames[index * len(frames) // count] for index in range(count)]
    pixels = np.zeros(256, np.int64)  # of each class index, and of 255
    sizes, problems, empty, num_read = set(), dict[str, None](), [], 0
    for name, read in tqdm(chosen, desc="reading labels", delay=2.0, leave=False):
        try:
            size, label = read()
        except (OSError, ValueError) as error:
            problems[str(error)] = None  # once, also if several labels share it
            continue
        counts = np.bincount(label.ravel(), minlength=256)
        if not counts[: classes.num_classes].any():
            empty.append(name)
        pixels += counts
        sizes.add(size)
        num_read += 1
    if 0 < num_read == len(empty):
        if num_read < len(frames) and not every:
            _check_labels(frames, classes, True, check)
            return
        left_out = ", ".join(map(str, (classes.ignore_index, *classes.void_values)))
        problems[
            f"no pixel of {num_read} labels counts: all is left out ({left_out}); store the "
            f"index of its class in each pixel, or use the class set of these labels"
        ] = None
    check.problems += tuple(problems)
    check.num_sampled, check.sizes, check.empty = num_read, tuple(sorted(sizes)), tuple(empty)
    if num_read:
        check.void_share = float(pixels[classes.ignore_index] / pixels.sum())
        check.absent = tuple(n for n, num in zip(classes.names, pixels, strict=False) if not num)
