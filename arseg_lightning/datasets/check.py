"""Says what data are there, what is missing, and what they are good for, within seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arseg_lightning.datasets.inspection import (
    inspect_samples,
    inspect_videos,
    spread,
    void_share,
)
from arseg_lightning.datasets.inventory import Gap
from arseg_lightning.datasets.labels import image_size, read_label
from arseg_lightning.datasets.layout import Layout, PreparedLayout
from arseg_lightning.datasets.rendered import StillSequence, StreetSequence
from arseg_lightning.datasets.sequence import Sequence

__all__ = ["DataCheck", "SplitCheck", "check_data", "check_split"]


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """What one split holds.

    Args:
        name: Name of the split.
        layout: Its layout's class.
        keyframe_interval: L of the paper's protocol.
        num_sequences: Complete sequences.
        num_labelled: Labelled frames in them.
        num_with_past: Labelled frames that have a frame before them.
        num_with_whole_past: Labelled frames that have L-1 frames before them.
        motion: Where motion comes from: ``real video``, ``synthetic video``, ``camera paths`` or
            ``prepared files``; None if there are no sequences.
        sizes: Heights and widths of the sampled frames.
        fps: Frame rates that occur, in the order of size.
        num_sampled: Labels that were read.
        void_share: Share of their pixels that is left out.
        gaps: Files that are missing.
        unused: Labels that belong to no frame.
        problems: What else would stop a run, with the remedy.
        notes: What is worth knowing.
    """

    name: str
    layout: str
    keyframe_interval: int
    num_sequences: int = 0
    num_labelled: int = 0
    num_with_past: int = 0
    num_with_whole_past: int = 0
    motion: str | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    fps: tuple[float, ...] = ()
    num_sampled: int = 0
    void_share: float | None = None
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
) -> DataCheck:
    """Look at several splits.

    Args:
        source: What the result is called.
        layouts: The splits by name.
        keyframe_interval: L of the paper's protocol.
    """
    checks = (check_split(name, layout, keyframe_interval) for name, layout in layouts.items())
    return DataCheck(source, tuple(checks))


def check_split(
    name: str, layout: Layout | PreparedLayout, keyframe_interval: int = 12
) -> SplitCheck:
    """Look at a split: all names, the headers of videos, and a few labels; no video is decoded.

    Args:
        name: Name of the split.
        layout: Its layout.
        keyframe_interval: L of the paper's protocol.
    """
    kind = type(layout).__name__
    try:
        if isinstance(layout, PreparedLayout):
            return _check_prepared(name, layout, keyframe_interval)
        inventory = layout.inventory()
    except FileNotFoundError as error:
        gap = Gap("file", kind, str(error))
        return SplitCheck(name, kind, keyframe_interval, gaps=(gap,))
    except (OSError, ValueError) as error:
        return SplitCheck(name, kind, keyframe_interval, problems=(str(error),))
    sequences = inventory.sequences
    pasts = [frame for sequence in sequences for frame in sequence.labelled]
    videos, samples = inspect_videos(sequences), inspect_samples(sequences)
    return SplitCheck(
        name=name,
        layout=kind,
        keyframe_interval=keyframe_interval,
        num_sequences=len(sequences),
        num_labelled=len(pasts),
        num_with_past=sum(past >= 1 for past in pasts),
        num_with_whole_past=sum(past >= keyframe_interval - 1 for past in pasts),
        motion=_motion(sequences[0]) if sequences else None,
        sizes=samples.sizes,
        fps=tuple(sorted({sequence.fps for sequence in sequences})),
        num_sampled=samples.num_labels,
        void_share=samples.void_share,
        gaps=inventory.gaps,
        unused=inventory.unused,
        problems=(*videos.problems, *samples.problems),
        notes=videos.notes,
    )


def _check_prepared(name: str, layout: PreparedLayout, keyframe_interval: int) -> SplitCheck:
    """Look at frames and motion that someone else has prepared."""
    clips = layout.clips(keyframe_interval)
    frames = [clip for clip in clips if clip.distance == 0]
    sizes = {image_size(clip.images[-1]) for clip in spread(frames)}
    labels = [read_label(clip.label, layout.classes) for clip in spread(frames)]
    return SplitCheck(
        name=name,
        layout=type(layout).__name__,
        keyframe_interval=keyframe_interval,
        num_sequences=len(frames),
        num_labelled=len(frames),
        num_with_whole_past=len(frames),
        motion="prepared files",
        sizes=tuple(sorted(sizes)),
        num_sampled=len(labels),
        void_share=void_share(labels, layout.classes.ignore_index),
    )


def _motion(sequence: Sequence) -> str:
    """Where the motion between a sequence's frames comes from."""
    kinds = {StillSequence: "camera paths", StreetSequence: "synthetic video"}
    return kinds.get(type(sequence), "real video")
