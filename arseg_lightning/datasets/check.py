"""Says what data are there, what is missing, and what they are good for, within seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from arseg_lightning.datasets.labelled_video import LabelledVideo, Pixels
from arseg_lightning.datasets.labels import image_size, read_label
from arseg_lightning.datasets.layout import Gap, Layout, PreparedClip, PreparedLayout
from arseg_lightning.types import ClassSet
from arseg_lightning.video.probe import motion_obstacle, probe

__all__ = ["DataCheck", "SplitCheck", "check_data", "check_split"]

_MOST_SAMPLED = 5  # enough to notice a wrong class set, and quick

_Size = tuple[int, int]
_Frames = Sequence[tuple[str, Callable[[], tuple[_Size, Pixels]]]]
"""Names of labelled frames, and what reads the size of each and its label."""


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """What one split holds.

    Args:
        name: Name of the split.
        layout: Its layout's class.
        keyframe_interval: L of the paper's protocol.
        num_videos: Complete labelled videos.
        num_labelled: Labelled frames in them.
        num_with_past: Labelled frames that have a frame before them.
        num_with_whole_past: Labelled frames that have L-1 frames before them.
        motion: Where motion comes from: ``real video``, ``synthetic video``, ``camera paths`` or
            ``prepared files``; None if there are no videos.
        sizes: Heights and widths of the sampled frames.
        fps: Frame rates that occur, in the order of size.
        num_sampled: Labels that were read.
        void_share: Share of their pixels that is left out.
        absent: Classes of which they hold no pixel.
        empty: Those of them in which no pixel counts, by name.
        gaps: Files that are missing.
        unused: Labels that belong to no frame.
        problems: What else would stop a run, with the remedy.
        notes: What is worth knowing.
    """

    name: str
    layout: str
    keyframe_interval: int
    num_videos: int = 0
    num_labelled: int = 0
    num_with_past: int = 0
    num_with_whole_past: int = 0
    motion: str | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    fps: tuple[float, ...] = ()
    num_sampled: int = 0
    void_share: float | None = None
    absent: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unused: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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
    """What the splits of some data hold.

    Args:
        source: Where the data are, or the configuration that names them.
        splits: The splits.
    """

    source: str
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
    """Look at several splits, as :func:`check_split` does, under the name of their source."""
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
    """Look at a split: all names, the headers of videos, and labels; no video is decoded.

    Args:
        name: Name of the split.
        layout: Its layout.
        keyframe_interval: L of the paper's protocol.
        every_label: Whether all labels are read, instead of a few that are evenly spread. All are
            also read if nothing counts in those few, which may be chance.
    """
    found: dict[str, Any] = {}
    try:
        if isinstance(layout, PreparedLayout):
            clips = [clip for clip in layout.clips(keyframe_interval) if clip.distance == 0]
            frames = [_prepared_frame(clip, layout.classes) for clip in clips]
            past, whole_past = 0, len(clips)
            found |= {"num_videos": len(clips), "motion": "prepared files"}
        else:
            inventory = layout.inventory()
            frames = [_frame(video, i) for video in inventory.videos for i in video.labelled]
            indices = [index for video in inventory.videos for index in video.labelled]
            past = sum(index >= 1 for index in indices)
            whole_past = sum(index >= keyframe_interval - 1 for index in indices)
            found |= _check_videos(inventory.videos)
            found |= {"gaps": inventory.gaps, "unused": inventory.unused}
        labels = _read_labels(frames, layout.classes, every_label)
        found |= labels | {"problems": (*found.get("problems", ()), *labels["problems"])}
        found |= {"num_labelled": len(frames), "num_with_past": past}
        found |= {"num_with_whole_past": whole_past}
    except FileNotFoundError as error:
        found = {"gaps": (Gap("file", type(layout).__name__, str(error)),)}
    except (OSError, ValueError) as error:
        found = {"problems": (str(error),)}
    return SplitCheck(name, type(layout).__name__, keyframe_interval, **found)


def _frame(video: LabelledVideo, index: int) -> tuple[str, Callable[[], tuple[_Size, Pixels]]]:
    def read() -> tuple[_Size, Pixels]:
        size = video.check_size(index)
        return size, video.label(index, size)

    return f"{video.name}/{index:06d}", read


def _prepared_frame(
    clip: PreparedClip, classes: ClassSet
) -> tuple[str, Callable[[], tuple[_Size, Pixels]]]:
    def read() -> tuple[_Size, Pixels]:
        size = image_size(clip.images[-1])
        return size, read_label(clip.label, classes, size)

    return clip.label.stem, read


def _check_videos(videos: Sequence[LabelledVideo]) -> dict[str, Any]:
    """Read the headers of all recordings, and compare them with the last label of each."""
    # Many excerpts share a recording: its last label decides whether it is long enough.
    last: dict[Path, tuple[int, Path, bool]] = {}
    for video in videos:
        if video.recording is not None and video.labelled:
            index = video.labelled[-1]
            new = (video.start + index, video.label_paths[index], video.video is not None)
            last[video.recording] = max(new, last.get(video.recording, new))
    problems, notes = [], []
    for path, (frame, label, is_used_itself) in last.items():
        try:
            info = probe(path)
        except (OSError, ValueError) as error:
            problems.append(str(error))
            continue
        if info.num_frames is not None and frame >= info.num_frames:
            problems.append(
                f"{label} belongs to frame {frame} of {path}, which has {info.num_frames} frames, "
                f"counted from 0; the label's number is wrong, or the video is cut short"
            )
        obstacle = motion_obstacle(info.codec, info.orientation)
        if is_used_itself and obstacle:
            notes.append(f"{path.name} {obstacle}: set data.motion: reencode")
    return {
        "num_videos": len(videos),
        "motion": videos[0].motion_origin if videos else None,
        "fps": tuple(sorted({video.fps for video in videos})),
        "problems": tuple(problems),
        "notes": tuple(notes),
    }


def _read_labels(frames: _Frames, classes: ClassSet, every: bool) -> dict[str, Any]:
    """What labels hold, as fields of a check."""
    # Evenly spread: files next to one another look alike.
    step = 1.0 if every else max(1.0, len(frames) / _MOST_SAMPLED)
    count = len(frames) if every else min(_MOST_SAMPLED, len(frames))
    chosen = [frames[int(index * step)] for index in range(count)]
    pixels = np.zeros(256, np.int64)  # of each class index, and of 255
    sizes, problems, empty, num_read = set(), dict[str, None](), [], 0
    for name, read in tqdm(chosen, desc="reading labels", delay=2.0, leave=False):
        try:
            size, label = read()
        except (OSError, ValueError) as error:
            problems[str(error)] = None
            continue
        counts = np.bincount(label.ravel(), minlength=256)
        if not counts[: classes.num_classes].any():
            empty.append(name)
        pixels += counts
        sizes.add(size)
        num_read += 1
    if 0 < num_read == len(empty):
        if num_read < len(frames) and not every:
            return _read_labels(frames, classes, every=True)
        left_out = ", ".join(map(str, (classes.ignore_index, *classes.void_values)))
        problems[
            f"no pixel of {num_read} labels counts: all is left out ({left_out}); store the "
            f"index of its class in each pixel, or use the class set of these labels"
        ] = None
    by_class = zip(classes.names, pixels[: classes.num_classes], strict=True)
    return {
        "sizes": tuple(sorted(sizes)),
        "num_sampled": num_read,
        "void_share": float(pixels[classes.ignore_index] / pixels.sum()) if num_read else None,
        "absent": tuple(name for name, pixel in by_class if num_read and not pixel),
        "empty": tuple(empty),
        "problems": tuple(problems),
    }
