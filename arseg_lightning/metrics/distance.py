"""Accuracy by distance to the keyframe."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric

from arseg_lightning.metrics.confusion import confusion_matrix, iou_per_class, mean_iou

__all__ = ["Accuracy", "DistanceAccuracy"]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Accuracy of one system, all values in [0, 1].

    A class that is neither true nor predicted (at that distance, for the values per distance)
    is left out of the mean: it counts neither as 0 nor as 1.

    Args:
        miou_at_distance: Mean IoU of each distance 0..L-1, from one confusion matrix each;
            NaN where no labelled frame has that distance. More where keyframes came later.
        miou_pooled: Mean IoU of one confusion matrix over all distances.
        iou_per_class: IoU of each class over all distances; NaN if absent.
        frames_at_distance: Labelled frames counted at each distance.
    """

    miou_at_distance: tuple[float, ...]
    miou_pooled: float
    iou_per_class: tuple[float, ...]
    frames_at_distance: tuple[int, ...]

    @property
    def miou_mean(self) -> float:
        """Unweighted mean over the distances: the paper's mIoU."""
        known = [value for value in self.miou_at_distance if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

    @property
    def miou_min(self) -> float:
        """The worst distance."""
        known = (value for value in self.miou_at_distance if not math.isnan(value))
        return min(known, default=math.nan)

    def by_distance(self, prefix: str) -> dict[str, float]:
        """The distances that occur, by names such as ``PREFIX_d03``; nothing if all are one."""
        if len(self.miou_at_distance) == 1:
            return {}
        values = enumerate(self.miou_at_distance)
        return {f"{prefix}_d{d:02d}": value for d, value in values if not math.isnan(value)}


class DistanceAccuracy(Metric):
    """One confusion matrix for each distance to the keyframe, summed over processes.

    Args:
        num_classes: Number of classes K.
        keyframe_interval: Number of distances L (0 to L-1).
        ignore_index: Label value that is left out.
        num_late: How many more distances may occur, where keyframes come late.

    Source: Hu et al., CVPR 2023, section 4.1: mIoU_d and its mean over d.
    """

    full_state_update = False
    higher_is_better = True
    confusion: Tensor
    frames: Tensor

    def __init__(
        self,
        num_classes: int,
        keyframe_interval: int,
        ignore_index: int = 255,
        num_late: int = 0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.keyframe_interval = keyframe_interval
        self.ignore_index = ignore_index
        shape = (keyframe_interval + num_late, num_classes, num_classes)
        self.add_state("confusion", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")
        frames = torch.zeros(shape[0], dtype=torch.int64)
        self.add_state("frames", frames, dist_reduce_fx="sum")

    def update(self, prediction: Tensor, label: Tensor, distance: int) -> None:
        """Count frames of one distance, (B, H, W); those without any label count nothing.

        Raises:
            ValueError: If the distance is beyond the keyframe interval, and the late ones.
        """
        if not 0 <= distance < len(self.frames):
            raise ValueError(
                f"distance {distance} does not fit a keyframe interval of {len(self.frames)}"
            )
        self.confusion[distance] += confusion_matrix(
            prediction, label, self.num_classes, self.ignore_index
        )
        labelled = (label != self.ignore_index).flatten(1).any(dim=1)  # (B, H * W) -> (B,)
        self.frames[distance] += labelled.sum()

    def compute(self) -> dict[str, Tensor]:
        """The counts of all processes, with late distances: ``confusion`` (L, K, K), ``frames``."""
        late = self.frames[self.keyframe_interval :].nonzero()
        stop = self.keyframe_interval + (int(late[-1]) + 1 if len(late) else 0)
        return {"confusion": self.confusion[:stop], "frames": self.frames[:stop]}

    def accuracy(self) -> Accuracy:
        """Turn the counts of all processes into accuracies; every process has to call this."""
        counts = self.compute()
        confusion = counts["confusion"]
        pooled = confusion.sum(0)  # (L, K, K) -> (K, K): every frame weighs as its pixels
        return Accuracy(
            miou_at_distance=tuple(mean_iou(confusion).tolist()),
            miou_pooled=float(mean_iou(pooled)),
            iou_per_class=tuple(iou_per_class(pooled).tolist()),
            frames_at_distance=tuple(counts["frames"].reshape(-1).tolist()),
        )
