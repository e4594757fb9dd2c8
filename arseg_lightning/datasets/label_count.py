"""What labels hold, added up: pixels of each class, and labels in which nothing counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import ClassSet

__all__ = ["LabelCount"]


class LabelCount:
    """Adds up labels.

    Args:
        classes: Their classes.
    """

    def __init__(self, classes: ClassSet) -> None:
        self.classes = classes
        self.num_labels = 0
        self.empty: list[str] = []
        self._pixels = np.zeros(256, np.int64)

    def add(self, name: str, label: NDArray[np.uint8]) -> None:
        """Add a label, (H, W), under a name for messages."""
        pixels = np.bincount(label.ravel(), minlength=256)
        if not pixels[: self.classes.num_classes].any():
            self.empty.append(name)
        self._pixels += pixels
        self.num_labels += 1

    @property
    def is_empty(self) -> bool:
        """Whether there are labels, and no pixel of any counts."""
        return 0 < self.num_labels == len(self.empty)

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of the classes without a pixel."""
        pixels = self._pixels[: self.classes.num_classes]
        return tuple(
            name for name, count in zip(self.classes.names, pixels, strict=True) if not count
        )

    @property
    def void_share(self) -> float | None:
        """Share of the pixels that is left out; None without labels."""
        if not self.num_labels:
            return None
        return float(self._pixels[self.classes.ignore_index] / self._pixels.sum())
