"""Layouts of data sets: a class set, and the labelled videos that are found in folders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from arseg_lightning.datasets.data_files import named
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.types import ClassSet

__all__ = ["Gap", "Inventory", "Layout", "PreparedClip", "PreparedLayout", "common_classes"]


class Gap(NamedTuple):
    """A file that is missing."""

    name: str
    message: str  # what is wrong, and the remedy


@dataclass(slots=True)
class Inventory:
    """What a layout found on disk."""

    videos: list[LabelledVideo] = field(default_factory=list)  # complete ones
    gaps: list[Gap] = field(default_factory=list)  # what the others lack
    unused: list[Path] = field(default_factory=list)  # labels of no frame, which do no harm


class Layout(ABC):
    """Where the frames and labels of one split of a data set are.

    A new data set is a subclass with ``classes`` and :meth:`inventory`; nothing else changes.
    """

    classes: ClassSet

    @abstractmethod
    def inventory(self) -> Inventory:
        """List the labelled videos, in a fixed order, and the files that are missing.

        Raises:
            FileNotFoundError: If the data set is not where it should be.
        """

    def videos(self) -> list[LabelledVideo]:
        """List the labelled videos, in a fixed order.

        Raises:
            FileNotFoundError: If anything is missing, with the first names.
        """
        inventory = self.inventory()
        if inventory.gaps:
            first, *others = inventory.gaps
            more = f" (also missing: {named(gap.name for gap in others)})" if others else ""
            raise FileNotFoundError(first.message + more)
        return inventory.videos


@dataclass(frozen=True, slots=True)
class PreparedClip:
    """A labelled frame and its keyframe as files."""

    images: tuple[Path, ...]  # keyframe and frame; at distance 0 the frame alone
    motion: Path | None  # to the keyframe, see read_published_motion; None at distance 0
    label: Path
    distance: int  # frames from keyframe to frame


class PreparedLayout(ABC):
    """Where someone else has put decoded frames, their keyframes and the motion between them.

    There is no video, so nothing is encoded or extracted; it serves evaluation alone.
    """

    classes: ClassSet

    @abstractmethod
    def clips(self, keyframe_interval: int) -> list[PreparedClip]:
        """List the labelled frames at each distance 0..L-1, the same ones at every distance.

        Raises:
            FileNotFoundError: If a file is missing.
        """


def common_classes(layouts: Iterable[Layout | PreparedLayout | None]) -> ClassSet:
    """The classes of several splits.

    Raises:
        ValueError: If there is no split, or they differ.
    """
    sets = [layout.classes for layout in layouts if layout is not None]
    if not sets:
        raise ValueError(
            "no data: set data.train, data.val or data.test; the classes come from them, also "
            "to segment a video"
        )
    if any(classes.names != sets[0].names for classes in sets):
        raise ValueError(
            f"all splits need the same classes, got {[classes.name for classes in sets]}"
        )
    return sets[0]
