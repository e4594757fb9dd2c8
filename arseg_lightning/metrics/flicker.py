"""Flicker: labels that change where nothing but motion happens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import Motion

__all__ = ["Flicker"]


class Flicker:
    """Share of pixels whose label is not that of where the codec's motion says they were.

    Pixels without a vector, and those that were outside the image, do not count. It needs no
    labels, and an output that never changes has none: look at it beside the agreement.

    Source: the warp error of the literature on temporal consistency (Liu et al., ETC, ECCV 2020),
        with the nearest label and the codec's motion.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._changed = self._counted = 0

    def add(self, labels: NDArray[np.uint8], motion: Motion | None) -> None:
        """Count a frame.

        Args:
            labels: Class indices, (H, W).
            motion: Motion to the frame before; None where there is none to be followed.
        """
        before, self._before = self._before, labels
        if before is None or motion is None or before.shape != labels.shape:
            return
        height, width = labels.shape
        x, y = np.rint(motion.xy).astype(np.int64)  # (H, W) each
        column, row = x + np.arange(width), y + np.arange(height)[:, None]
        counts = motion.valid & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        moved = before[row[counts], column[counts]]
        self._changed += int(np.count_nonzero(moved != labels[counts]))
        self._counted += moved.size

    @property
    def share(self) -> float:
        """Of all pixels that were counted; NaN if there were none."""
        return self._changed / self._counted if self._counted else float("nan")
