"""Temporal consistency: labels against those of the frame before, led along motion."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from arseg_lightning.metrics.confusion import confusion_matrix, mean_iou
from arseg_lightning.types import Motion

__all__ = ["TemporalConsistency"]


class TemporalConsistency:
    """Compares each frame's labels with those of where motion says its pixels were.

    Pixels without a vector, and those that were outside the image, do not count. It needs no
    labels, and an output that never changes is consistent: look at it beside the accuracy.

    Args:
        num_classes: Number of classes K.

    Source: Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020,
        section 4.1; Miao et al., VSPW, CVPR 2021.
    Differs: the nearest label, where ETC's code mixes class indices; pixels that were outside are
        left out; the frame before is led to the current one by any motion, published, the
        current one back to it by FlowNet2 or RAFT.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        # Pixels by their class (row) and that of where they were (column)
        self.confusion = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self._before: NDArray[np.uint8] | None = None

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
        moved = torch.from_numpy(before[row[counts], column[counts]])  # (N,)
        self.confusion += confusion_matrix(
            moved, torch.from_numpy(labels[counts]), self.num_classes
        )

    @property
    def miou(self) -> float:
        """Mean IoU of the labels and those led to them, over all frames; NaN if none counted."""
        return float(mean_iou(self.confusion))

    @property
    def flicker(self) -> float:
        """Share of pixels whose label is another; NaN if none counted."""
        counted = int(self.confusion.sum())
        changed = counted - int(self.confusion.diagonal().sum())
        return changed / counted if counted else float("nan")
