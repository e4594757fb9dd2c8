"""Looks into a few files of many: headers of videos, sizes and labels of some frames."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.labels import image_size
from arseg_lightning.datasets.rendered import StillSequence
from arseg_lightning.datasets.sequence import ImageSequence, Sequence, SpanSequence, VideoSequence
from arseg_lightning.video.probe import VideoInfo, probe

__all__ = ["Samples", "VideoFindings", "inspect_samples", "inspect_videos", "spread", "void_share"]

_MOST = 5  # enough to notice a wrong class set, and quick
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Samples:
    """What a few labelled frames are like.

    Args:
        sizes: Heights and widths that occur.
        num_labels: Labels that could be read.
        void_share: Share of their pixels that is left out; None without labels.
        problems: Why others could not be read, with the remedy.
    """

    sizes: tuple[tuple[int, int], ...]
    num_labels: int
    void_share: float | None
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


def inspect_samples(sequences: Iterable[Sequence]) -> Samples:
    """Read a few labels of sequences, evenly spread, and the sizes of their frames."""
    frames = spread([(sequence, index) for sequence in sequences for index in sequence.labelled])
    sizes: set[tuple[int, int]] = set()
    labels: list[NDArray[np.uint8]] = []
    problems = []
    for sequence, index in frames:
        try:
            size = _size(sequence, index)
            sizes.add(size)
            labels.append(sequence.label(index, size))
        except (OSError, ValueError) as error:
            problems.append(str(error))
    share = void_share(labels, frames[0][0].classes.ignore_index) if labels else None
    return Samples(tuple(sorted(sizes)), len(labels), share, tuple(problems))


def inspect_videos(sequences: Items[Sequence]) -> VideoFindings:
    """Read the headers of all videos that sequences use, and compare them with the labels."""
    videos = [sequence for sequence in sequences if isinstance(sequence, VideoSequence)]
    spans = [sequence for sequence in sequences if isinstance(sequence, SpanSequence)]
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


def spread(items: Items[_Item]) -> list[_Item]:
    """A few of many items, evenly spread."""
    step = max(1.0, len(items) / _MOST)
    return [items[int(index * step)] for index in range(min(_MOST, len(items)))]


def void_share(labels: list[NDArray[np.uint8]], ignore_index: int) -> float:
    """Share of the pixels of labels that is left out."""
    void = sum(int((label == ignore_index).sum()) for label in labels)
    return void / sum(label.size for label in labels)


def _size(sequence: Sequence, index: int) -> tuple[int, int]:
    """Height and width of a frame, from a header where there is one."""
    if isinstance(sequence, VideoSequence | SpanSequence):
        return probe(sequence.path).size
    if isinstance(sequence, ImageSequence):
        return image_size(sequence.paths[index])
    if isinstance(sequence, StillSequence):
        return image_size(sequence.path)
    height, width, _ = sequence.image(index).shape
    return height, width


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
    if not info.exports_motion:
        turned = f"is turned by {info.rotation_degrees} degrees" if info.rotation_degrees else ""
        why = turned or f"is {info.codec}, which exports no motion vectors"
        return [f"{info.path.name} {why}: set data.motion: reencode"]
    return []
