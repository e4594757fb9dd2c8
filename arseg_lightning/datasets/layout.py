"""Layouts of data sets: a class set, and the labelled videos that are found in folders."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.files import natural_key
from arseg_lightning.types import ClassSet

__all__ = ["IMAGE_SUFFIXES", "VIDEO_SUFFIXES", "FileLayout", "Gap", "Inventory", "Layout"]
__all__ += ["PreparedClip", "PreparedLayout", "common_classes", "files", "frame_number"]
__all__ += ["named", "one_per_name", "present"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".mxf", ".m4v", ".webm", ".h264", ".264")


@dataclass(frozen=True, slots=True)
class Gap:
    """A file that is missing.

    Args:
        what: What it is: ``label``, ``image``, ``recording`` or ``frame``.
        name: The file's name.
        message: What is wrong and what to do about it.
    """

    what: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a layout found on disk.

    Args:
        videos: Those that are complete.
        gaps: What the others lack.
        unused: Labels that belong to no frame; they do no harm.
    """

    videos: tuple[LabelledVideo, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unused: tuple[Path, ...] = ()

    @classmethod
    def joined(cls, parts: Iterable[Inventory], unused: tuple[Path, ...] = ()) -> Inventory:
        """Put videos and gaps of parts together."""
        parts = list(parts)
        return cls(
            tuple(video for part in parts for video in part.videos),
            tuple(gap for part in parts for gap in part.gaps),
            unused,
        )


class Layout(ABC):
    """Where the frames and labels of one split of a data set are.

    A new data set is a subclass with ``classes`` and :meth:`videos`; nothing else changes.
    """

    classes: ClassSet

    @abstractmethod
    def videos(self) -> list[LabelledVideo]:
        """List the labelled videos, in a fixed order.

        Raises:
            FileNotFoundError: If the data set is not where it should be.
        """

    def inventory(self) -> Inventory:
        """List what is there and what is missing; by default, nothing may be missing.

        Raises:
            FileNotFoundError: If the data set is not where it should be.
        """
        return Inventory(tuple(self.videos()))


class FileLayout(Layout):
    """A layout of which files may be missing: a subclass says in :meth:`inventory` which."""

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
        return list(inventory.videos)

    @abstractmethod
    def inventory(self) -> Inventory:
        """List what is there and what is missing."""


@dataclass(frozen=True, slots=True)
class PreparedClip:
    """A labelled frame and its keyframe as files.

    Args:
        images: The keyframe and the frame; the frame alone at distance 0.
        motion: The frame's motion to the keyframe, as ``read_published_motion`` reads it; None at
            distance 0.
        label: The frame's label.
        distance: Frames between the two.
    """

    images: tuple[Path, ...]
    motion: Path | None
    label: Path
    distance: int


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


def common_classes(layouts: list[Layout | PreparedLayout | None]) -> ClassSet:
    """The class set that all splits share.

    Raises:
        ValueError: If there are no data, or their classes differ.
    """
    sets = [layout.classes for layout in layouts if layout is not None]
    if not sets:
        raise ValueError(
            "no data: set data.train, data.val or data.test; the classes come from them, also to "
            "segment a video"
        )
    if any(classes.names != sets[0].names for classes in sets):
        raise ValueError(
            f"all splits need the same classes, got {[classes.name for classes in sets]}"
        )
    return sets[0]


def files(folder: Path, suffixes: tuple[str, ...], what: str) -> list[Path]:
    """List the files of a kind in a folder, numbers in natural order.

    Raises:
        FileNotFoundError: If the folder is missing or holds none.
    """
    found = [path for path in present(folder, what) if path.suffix.lower() in suffixes]
    if not found:
        raise FileNotFoundError(f"{folder} holds no {what} ({', '.join(suffixes)})")
    return sorted(found, key=lambda path: natural_key(path.stem))


def present(folder: Path, what: str) -> list[Path]:
    """List a folder without hidden files, which some systems leave beside all others.

    Raises:
        FileNotFoundError: If it is missing.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is missing; {what} should be there (see data/README.md)")
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def one_per_name(paths: list[Path]) -> list[Path]:
    """The paths, if no two have one name: labels go by names without suffix.

    Raises:
        ValueError: If two have.
    """
    known: dict[str, Path] = {}
    for path in paths:
        other = known.setdefault(path.stem, path)
        if other is not path:
            raise ValueError(
                f"{other} and {path.name} have one name, and their label could belong to either; "
                f"take one of them away or rename it with its label"
            )
    return paths


def frame_number(path: Path) -> int:
    """The last number in a file's name.

    Raises:
        ValueError: If the name has none.
    """
    numbers = re.findall(r"\d+", path.stem)
    if not numbers:
        raise ValueError(f"{path} should be named after its frame number, such as 000123.png")
    return int(numbers[-1])


def named(names: Iterable[str], most: int = 4) -> str:
    """Join names for a message: the first few, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
