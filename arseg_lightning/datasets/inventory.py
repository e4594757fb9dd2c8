"""What a layout finds on disk, and what it misses there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from arseg_lightning.datasets.labelled_video import LabelledVideo

__all__ = ["Gap", "Inventory", "named"]


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
    def joined(cls, parts: Iterable[Inventory]) -> Inventory:
        """Put the inventories of parts together."""
        parts = list(parts)
        return cls(
            tuple(video for part in parts for video in part.videos),
            tuple(gap for part in parts for gap in part.gaps),
            tuple(path for part in parts for path in part.unused),
        )

    def complete(self) -> list[LabelledVideo]:
        """The sequences, if nothing is missing.

        Raises:
            FileNotFoundError: If something is, with the first names.
        """
        if not self.gaps:
            return list(self.videos)
        first, *others = self.gaps
        more = f" (also missing: {named(gap.name for gap in others)})" if others else ""
        raise FileNotFoundError(first.message + more)


def named(names: Iterable[str], most: int = 4) -> str:
    """Join names for a message: the first few, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
