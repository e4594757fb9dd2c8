"""Looks into a few files of many: headers of videos, sizes and labels of some frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from arseg_lightning.datasets.label_count import LabelCount
from arseg_lightning.datasets.labelled_video import (
    LabelledExcerpt,
    LabelledImages,
    LabelledVideo,
    LabelledVideoFile,
)
from arseg_lightning.datasets.labels import image_size, read_image
from arseg_lightning.datasets.synthetic.still_clips import LabelledStill
from arseg_lightning.types import ClassSet, size_text
from arseg_lightning.video.probe import VideoInfo, motion_obstacle, probe

__all__ = ["Samples", "VideoFindings", "inspect_samples", "inspect_videos", "spread"]

_MOST = 5  # enough to notice a wrong class set, and quick
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Samples:
    """What labelled frames are like.

    Args:
        sizes: Heights and widths that occur.
        labels: What the labels that could be read hold.
        problems: Why others could not be read, with the remedy.
    """

    sizes: tuple[tuple[int, int], ...]
    labels: LabelCount
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VideoFindings:
    """What the headers of videos tell.

    Args:
        problems: What would stop a run, with the remedy.
        notes: What may need a setting.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]


def inspect_samples(
    sequences: Iterable[LabelledVideo], classes: ClassSet, every: bool = False
) -> Samples:
    """Read labels of sequences and their frames; no video is decoded.

    Args:
        sequences: The sequences.
        classes: Their classes.
        every: Whether all are read, instead of a few that are evenly spread. All are also read if
            nothing counts in those few, which may be chance.
    """
    frames = [(sequence, index) for sequence in sequences for index in sequence.labelled]
    samples = _read(frames if every else spread(frames), classes)
    if samples.labels.is_empty and samples.labels.num_labels < len(frames):
        return _read(frames, classes)
    return samples


def _read(frames: Sequence[tuple[LabelledVideo, int]], classes: ClassSet) -> Samples:
    sizes: set[tuple[int, int]] = set()
    labels = LabelCount(classes)
    problems: dict[str, None] = {}
    clips: set[str] = set()
    for sequence, index in tqdm(frames, desc="reading labels", delay=2.0, leave=False):
        name = f"{sequence.name}/{index:06d}"
        try:
            size = _size(sequence, index)
            sizes.add(size)
            labels.add(name, sequence.label(index, size))
            if sequence.name not in clips:
                clips.add(sequence.name)
                _check_one_size(sequence)
        except (OSError, ValueError) as error:
            problems[str(error)] = None
    return Samples(tuple(sorted(sizes)), labels, tuple(problems))


def inspect_videos(sequences: Sequence[LabelledVideo]) -> VideoFindings:
    """Read the headers of all videos that sequences use, and compare them with the labels."""
    videos = [sequence for sequence in sequences if isinstance(sequence, LabelledVideoFile)]
    spans = [sequence for sequence in sequences if isinstance(sequence, LabelledExcerpt)]
    used = [(video.path, *last) for video in videos for last in video.label_paths.items()]
    used += [(span.path, span.stop - 1, span.label_path) for span in spans]
    last_frames = {path: (frame, label) for path, frame, label in sorted(used)}
    encoded_anew = {span.path for span in spans}
    problems, notes = [], []
    for path, (frame, label) in last_frames.items():
        try:
            info = probe(path)
        except (OSError, ValueError) as error:
            problems.append(str(error))
            continue
        problems += _too_short(info, frame, label)
        notes += [] if path in encoded_anew else _motion_notes(info)
    return VideoFindings(tuple(problems), tuple(notes))


def spread(items: Sequence[_Item]) -> list[_Item]:
    """A few of many items, evenly spread."""
    step = max(1.0, len(items) / _MOST)
    return [items[int(index * step)] for index in range(min(_MOST, len(items)))]


def _size(sequence: LabelledVideo, index: int) -> tuple[int, int]:
    """Height and width of a frame; an image is read to its end, of a video the header."""
    if isinstance(sequence, LabelledVideoFile | LabelledExcerpt):
        return probe(sequence.path).size
    if isinstance(sequence, LabelledImages):
        image = read_image(sequence.paths[index])
    elif isinstance(sequence, LabelledStill):
        image = read_image(sequence.path)
    else:
        image = sequence.image(index)
    return image.shape[0], image.shape[1]


def _check_one_size(sequence: LabelledVideo) -> None:
    """Refuse a clip of images of several sizes, by their headers."""
    if not isinstance(sequence, LabelledImages):
        return
    first, size = sequence.paths[0], image_size(sequence.paths[0])
    for path in sequence.paths[1:]:
        if (other := image_size(path)) != size:
            raise ValueError(
                f"{path} is {size_text(other)}, {first} is {size_text(size)} (height x width); "
                f"scale all frames of a clip to one size"
            )


def _too_short(info: VideoInfo, frame: int, label: Path) -> list[str]:
    """Say that a label belongs to a frame behind the end."""
    if info.num_frames is None or frame < info.num_frames:
        return []
    return [
        f"{label} belongs to frame {frame} of {info.path}, which has {info.num_frames} frames, "
        f"counted from 0; the label's number is wrong, or the video is cut short"
    ]


def _motion_notes(info: VideoInfo) -> list[str]:
    """Say that a video's own motion vectors cannot be used."""
    what = motion_obstacle(info.codec, info.orientation)
    return [f"{info.path.name} {what}: set data.motion: reencode"] if what else []
