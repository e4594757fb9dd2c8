"""Check of data within seconds: what is there, what is missing, and what it is good for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arseg_lightning.datasets.data_files import named
from arseg_lightning.datasets.labelled_video import LabelledVideo, Pixels
from arseg_lightning.datasets.labels import image_size, read_label
from arseg_lightning.datasets.layout import Inventory, Layout, PreparedClip, PreparedLayout
from arseg_lightning.types import ClassSet, size_text
from arseg_lightning.video.probe import motion_obstacle, probe

__all__ = ["SplitCheck", "check_split"]

_MOST_SAMPLED = 5  # enough to notice a wrong class set, and quick


@dataclass(slots=True)
class SplitCheck:
    """What one split holds."""

    name: str
    summary: str  # in one line
    lines: list[str] = field(default_factory=list)  # missing: …, wrong: …, unused: …, note: …
    uses: list[str] = field(default_factory=list)  # nothing while a file is missing or wrong

    def add(self, kind: str, messages: Sequence[str]) -> None:
        """Add each message once, in lines that begin with their kind."""
        self.lines += [f"{kind}: {message}" for message in dict.fromkeys(messages)]


def check_split(
    name: str,
    layout: Layout | PreparedLayout,
    keyframe_interval: int = 12,
    every_label: bool = False,
) -> SplitCheck:
    """Check a split: all names, the headers of videos, and labels; no video is decoded.

    A few labels, evenly spread, are read with their images, or all with ``every_label``.
    """
    check = SplitCheck(name, f"{type(layout).__name__}, no complete sequence")
    try:
        if isinstance(layout, PreparedLayout):
            clips = [clip for clip in layout.clips(keyframe_interval) if clip.distance == 0]
            readers = [_reader_of_clip(clip, layout.classes) for clip in clips]
            what = "prepared files"
            pasts = [keyframe_interval - 1] * len(clips)
        else:
            inventory = layout.inventory()
            videos = inventory.videos
            _check_names(inventory, check)
            readers = [_reader(video, index) for video in videos for index in video.labelled]
            rates = ", ".join(sorted({f"{video.fps:g}" for video in videos}))
            what = f"{videos[0].motion_origin} at {rates} fps" if videos else ""
            pasts = [index for video in videos for index in video.labelled]
            _check_recordings(videos, check)
        if readers:
            count = _count(len(readers), "labelled frame")
            sizes = _check_labels(readers, layout.classes, every_label, check)
            check.summary = f"{type(layout).__name__}, {count} of {sizes}, {what}"
    except (OSError, ValueError) as error:
        kind = "missing" if isinstance(error, FileNotFoundError) else "wrong"
        check.add(kind, [str(error)])
        return check
    if not any(line.startswith(("missing", "wrong")) for line in check.lines):
        check.uses = _uses(what, pasts, keyframe_interval)
    return check


def _uses(what: str, pasts: Sequence[int], keyframe_interval: int) -> list[str]:
    """What labelled frames with so many frames before them are good for."""
    whole = sum(past >= keyframe_interval - 1 for past in pasts)
    trained = what != "prepared files"
    uses = {
        "phase 1": bool(pasts) and trained,
        f"phase 2 from {what.split(' at ')[0]}": max(pasts, default=0) > 0 and trained,
        f"the paper's protocol (every distance at L={keyframe_interval}, on {whole} frames)": (
            whole > 0 and not what.startswith("camera paths")
        ),
    }
    return [use for use, is_possible in uses.items() if is_possible]


_Reader = Callable[[], tuple[tuple[int, int], Pixels]]  # of a frame's size and its label


def _reader(video: LabelledVideo, index: int) -> _Reader:
    return lambda: (size := video.check_size(index), video.label(index, size))


def _reader_of_clip(clip: PreparedClip, classes: ClassSet) -> _Reader:
    return lambda: (size := image_size(clip.images[-1]), read_label(clip.label, classes, size))


def _check_names(inventory: Inventory, check: SplitCheck) -> None:
    if inventory.gaps:
        if len(inventory.gaps) > 1:
            names = named(gap.name for gap in inventory.gaps)
            check.add("missing", [f"{len(inventory.gaps)} files: {names}"])
        check.add("missing", [inventory.gaps[0].message])
    if inventory.unused:
        names = named(path.name for path in inventory.unused)
        check.add("unused", [f"{_count(len(inventory.unused), 'label')} without a frame: {names}"])


def _check_recordings(videos: Sequence[LabelledVideo], check: SplitCheck) -> None:
    """Read the headers of all recordings: are they long enough, and have they motion?"""
    last: dict[Path, int] = {}  # the last labelled frame of each; many excerpts share one
    for video in videos:
        if video.recording is not None:
            frame = video.start + max(video.labelled, default=0)
            last[video.recording] = max(frame, last.get(video.recording, 0))
    for path, frame in last.items():
        info = probe(path)
        if info.num_frames is not None and frame >= info.num_frames:
            check.add(
                "wrong",
                [
                    f"a label belongs to frame {frame} of {path}, which has {info.num_frames} "
                    f"frames, counted from 0; its number is wrong, or the video is cut short"
                ],
            )
        obstacle = motion_obstacle(info.codec, info.quarter_turns)
        if obstacle and any(video.video == path for video in videos):
            check.add("note", [f"{path.name} {obstacle}: set data.motion: reencode"])


def _check_labels(
    readers: Sequence[_Reader], classes: ClassSet, every: bool, check: SplitCheck
) -> str:
    """Read labels and name the sizes of their frames; files next to one another look alike."""
    count = len(readers) if every else min(_MOST_SAMPLED, len(readers))
    pixels = np.zeros(256, np.int64)  # of each class index, and of 255
    sizes, problems = set(), []
    chosen = [readers[index * len(readers) // count] for index in range(count)]
    for read in tqdm(chosen, desc="reading labels", delay=2.0, leave=False):
        try:
            size, label = read()
        except (OSError, ValueError) as error:
            problems.append(str(error))
            continue
        pixels += np.bincount(label.ravel(), minlength=256)
        sizes.add(size)
    if not problems and count < len(readers) and not pixels[: classes.num_classes].any():
        return _check_labels(readers, classes, True, check)  # those few may be so by chance
    check.add("wrong", problems)
    absent = [name for name, num in zip(classes.names, pixels, strict=False) if not num]
    if absent and not problems:
        read = _count(count, "label")
        if count < len(readers):
            read = f"{count} of {len(readers)} labels (--all: of all)"
        rest = pixels[classes.ignore_index] / max(pixels.sum(), 1)
        check.add("absent", [f"no pixel of {', '.join(absent)} in {read}; {rest:.0%} is left out"])
        if rest == 1:
            check.add(
                "wrong",
                [
                    "no pixel counts; store the index of its class in each pixel, or use the class "
                    "set of these labels, which names their values: {0: background, 255: ship}"
                ],
            )
    return ", ".join(size_text(size) for size in sorted(sizes))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
