"""Says what data are there, what is missing, and what they are good for, within seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arseg_lightning.datasets.inspection import (
    inspect_samples,
    inspect_videos,
    spread,
)
from arseg_lightning.datasets.inventory import Gap
from arseg_lightning.datasets.label_count import LabelCount
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.labels import image_size, read_label
from arseg_lightning.datasets.layout import Layout, PreparedLayout
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.datasets.synthetic.still_clips import LabelledStill

__all__ = ["DataCheck", "SplitCheck", "check_data", "check_split"]


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """What one split holds.

    Args:
        name: Name of the split.
        layout: Its layout's class.
        keyframe_interval: L of the paper's protocol.
        num_videos: Complete sequences.
        num_labelled: Labelled frames in them.
        num_with_past: Labelled frames that have a frame before them.
        num_with_whole_past: Labelled frames that have L-1 frames before them.
        motion: Where motion comes from: ``real video``, ``synthetic video``, ``camera paths`` or
            ``prepared files``; None if there are no sequences.
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
    """Look at several splits.

    Args:
        source: What the result is called.
        layouts: The splits by name.
        keyframe_interval: L of the paper's protocol.
        every_label: Whether all labels are read, instead of a few of each split.
    """
    return DataCheck(
        source,
        tuple(
            check_split(name, layout, keyframe_interval, every_label)
            for name, layout in layouts.items()
        ),
    )


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
        every_label: Whether all labels are read, instead of a few.
    """
    kind = type(layout).__name__
    try:
        if isinstance(layout, PreparedLayout):
            return _check_prepared(name, layout, keyframe_interval, every_label)
        inventory = layout.inventory()
    except FileNotFoundError as error:
        gap = Gap("file", kind, str(error))
        return SplitCheck(name, kind, keyframe_interval, gaps=(gap,))
    except (OSError, ValueError) as error:
        return SplitCheck(name, kind, keyframe_interval, problems=(str(error),))
    sequences = inventory.videos
    pasts = [frame for sequence in sequences for frame in sequence.labelled]
    videos = inspect_videos(sequences)
    samples = inspect_samples(sequences, layout.classes, every_label)
    return SplitCheck(
        name=name,
        layout=kind,
        keyframe_interval=keyframe_interval,
        num_videos=len(sequences),
        num_labelled=len(pasts),
        num_with_past=sum(past >= 1 for past in pasts),
        num_with_whole_past=sum(past >= keyframe_interval - 1 for past in pasts),
        motion=_motion(sequences[0]) if sequences else None,
        sizes=samples.sizes,
        fps=tuple(sorted({sequence.fps for sequence in sequences})),
        **_held(samples.labels),
        gaps=inventory.gaps,
        unused=inventory.unused,
        problems=(*videos.problems, *samples.problems, *_nothing_counts(samples.labels)),
        notes=videos.notes,
    )


def _check_prepared(
    name: str, layout: PreparedLayout, keyframe_interval: int, every_label: bool
) -> SplitCheck:
    """Look at frames and motion that someone else has prepared."""
    clips = layout.clips(keyframe_interval)
    frames = [clip for clip in clips if clip.distance == 0]
    chosen = frames if every_label else spread(frames)
    sizes, labels = set(), LabelCount(layout.classes)
    for clip in chosen:
        size = image_size(clip.images[-1])
        sizes.add(size)
        labels.add(clip.label.stem, read_label(clip.label, layout.classes, size))
    return SplitCheck(
        name=name,
        layout=type(layout).__name__,
        keyframe_interval=keyframe_interval,
        num_videos=len(frames),
        num_labelled=len(frames),
        num_with_whole_past=len(frames),
        motion="prepared files",
        sizes=tuple(sorted(sizes)),
        **_held(labels),
        problems=_nothing_counts(labels),
    )


def _held(labels: LabelCount) -> dict[str, Any]:
    """What labels hold, as fields of a check."""
    return {
        "num_sampled": labels.num_labels,
        "void_share": labels.void_share,
        "absent": labels.absent if labels.num_labels else (),
        "empty": tuple(labels.empty),
    }


def _nothing_counts(labels: LabelCount) -> tuple[str, ...]:
    """Say that nothing could be learned or measured."""
    if not labels.is_empty:
        return ()
    classes = labels.classes
    left_out = ", ".join(map(str, (classes.ignore_index, *classes.void_values)))
    return (
        f"no pixel of {labels.num_labels} labels counts: all is left out ({left_out}); store the "
        f"index of its class in each pixel, or use the class set of these labels",
    )


def _motion(sequence: LabelledVideo) -> str:
    """Where the motion between a sequence's frames comes from."""
    kinds = {LabelledStill: "camera paths", DrivingScene: "synthetic video"}
    return kinds.get(type(sequence), "real video")
