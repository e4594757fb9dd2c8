"""Temporal consistency: labels against those of the frame before, led along motion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from arseg_lightning.metrics.confusion import (
    Absent,
    confusion_matrix,
    mean_iou,
    pixel_accuracy,
)
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.types import Motion

__all__ = ["TemporalConsistency", "was_visible"]

Variant = Literal["masked", "vspw", "etc"]
_ABSENT: Mapping[Variant, Absent] = {"masked": "left_out", "vspw": "true", "etc": "zero"}


class TemporalConsistency:
    """Compares each frame's labels with those of where motion says its pixels were.

    It needs no labels, and an output that never changes is consistent: look at it beside the
    accuracy. The motion decides too: say where it came from.

    Args:
        num_classes: Number of classes K.
        variant: ``masked``: pixels without a vector, and those that were outside the image, do not
            count. ``vspw``: as in the published script, labels are fetched up to half a pixel away
            from where they were, class 0 from outside, and the mean is over the classes of the
            current frames. ``etc``: as in the published script, the indices of the four labels
            around are mixed and cut off, from outside those at the border, and the mean is over
            all classes, 0 for those that never occur.
        distances: Number of distances to the keyframe that are told apart.

    Source: Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020,
        section 4.1; Miao et al., VSPW, CVPR 2021; their scripts.
    Differs: the frame before is led to the current one by any motion; published, the current one
        back to it by FlowNet2 or RAFT.
    """

    def __init__(self, num_classes: int, variant: Variant = "masked", distances: int = 1) -> None:
        check_words(variant=(variant, Variant))
        check_range(1, distances=distances)
        self.num_classes, self.variant = num_classes, variant
        # Pixels by distance, their class (row) and that of where they were (column): (L, K, K)
        self.confusion = torch.zeros(distances, num_classes, num_classes, dtype=torch.int64)
        self._before: NDArray[np.uint8] | None = None

    def add(
        self,
        labels: NDArray[np.uint8],
        motion: Motion | None,
        back: Motion | None = None,
        distance: int = 0,
    ) -> None:
        """Count a frame.

        Args:
            labels: Class indices, (H, W).
            motion: Motion to the frame before; None where there is none to be followed.
            back: Motion of the frame before to this one; if given, pixels that it does not lead
                back to do not count: they were hidden (:func:`was_visible`).
            distance: Distance to the keyframe at which it counts.
        """
        before, self._before = self._before, labels
        if before is None or motion is None or before.shape != labels.shape:
            return
        moved, counts = self._led(before, motion)
        if back is not None:
            counts = counts & was_visible(motion, back)
        self.confusion[distance] += confusion_matrix(
            torch.from_numpy(moved[counts]), torch.from_numpy(labels[counts]), self.num_classes
        )

    def _led(
        self, before: NDArray[np.uint8], motion: Motion
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The labels that were where pixels were, and which of them count, (H, W) each."""
        height, width = before.shape
        x, y = motion.xy
        if self.variant == "vspw":
            positions = x + np.arange(width), y + np.arange(height)[:, None]
            sides = width - 1, height - 1
            grid = [2 * at / side - 1 for at, side in zip(positions, sides, strict=True)]
            fetched = F.grid_sample(
                torch.from_numpy(before)[None, None].float(),
                torch.from_numpy(np.stack(grid, -1)[None].astype(np.float32)),
                mode="nearest",
                align_corners=False,
            )
            return fetched[0, 0].numpy().astype(np.uint8), np.ones_like(before, np.bool_)
        if self.variant == "etc":
            return _mixed(before, motion), np.ones_like(before, np.bool_)
        place, inside = _fetched_from(motion)
        return before[place], motion.valid & inside

    @property
    def miou(self) -> float:
        """Mean IoU of the labels and those led to them, over all frames; NaN if none counted."""
        if not self.confusion.any():
            return float("nan")
        return float(mean_iou(self.confusion.sum(0), _ABSENT[self.variant]))

    @property
    def miou_at_distance(self) -> list[float]:
        """The same of each distance."""
        return [float(each) for each in mean_iou(self.confusion, _ABSENT[self.variant])]

    @property
    def flicker(self) -> float:
        """Share of pixels whose label is another; NaN if none counted."""
        return 1 - float(pixel_accuracy(self.confusion.sum(0)))

    @property
    def flicker_at_distance(self) -> list[float]:
        """The same of each distance."""
        return [1 - float(each) for each in pixel_accuracy(self.confusion)]


def was_visible(motion: Motion, back: Motion) -> NDArray[np.bool_]:
    """Say which pixels were in the image of the frame before, and not hidden there, (H, W).

    Args:
        motion: Motion to the frame before.
        back: Motion of the frame before to the current one.

    Source: the check there and back of Sundaram et al., Dense Point Trajectories by
        GPU-accelerated Large Displacement Optical Flow, ECCV 2010.
    """
    place, inside = _fetched_from(motion)
    returned = back.xy[:, place[0], place[1]]  # (2, H, W)
    off = np.square(motion.xy + returned).sum(0)
    length = np.square(motion.xy).sum(0) + np.square(returned).sum(0)
    visible: NDArray[np.bool_] = inside & (off <= 0.01 * length + 0.5)
    return visible


def _mixed(before: NDArray[np.uint8], motion: Motion) -> NDArray[np.uint8]:
    """Interpolate class indices and cut them off, to the last bit as ETC's resampler does, (H, W).

    Its products are double, its sums are single precision: so a map of one class loses pixels.
    """
    (height, width), (x, y) = motion.size, motion.xy.astype(np.float32)
    x, y = x + np.arange(width, dtype=np.float32), y + np.arange(height, dtype=np.float32)[:, None]
    left, top = np.floor(x), np.floor(y)
    right, below = (x - left).astype(np.float64), (y - top).astype(np.float64)  # shares of these
    mixed = np.zeros(motion.size, np.float32)
    for down, of_row in enumerate((1 - below, below)):
        row = (top.astype(np.int64) + down).clip(0, height - 1)
        for onward, of_column in enumerate((1 - right, right)):
            column = (left.astype(np.int64) + onward).clip(0, width - 1)
            mixed += (of_column * of_row * before[row, column]).astype(np.float32)
    return mixed.astype(np.uint8)


def _fetched_from(
    motion: Motion,
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]:
    """The nearest row and column that each pixel was at, and whether they are in the image."""
    (height, width), (x, y) = motion.size, motion.xy
    column = np.rint(x).astype(np.int64) + np.arange(width)
    row = np.rint(y).astype(np.int64) + np.arange(height)[:, None]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return (row.clip(0, height - 1), column.clip(0, width - 1)), inside
