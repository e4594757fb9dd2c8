"""Accuracy and temporal consistency of predictions."""

from arseg_lightning.metrics.confusion import (
    change_interval,
    confusion_matrix,
    iou_per_class,
    mean_iou,
)
from arseg_lightning.metrics.consistency import TemporalConsistency
from arseg_lightning.metrics.distance import Accuracy, DistanceAccuracy

__all__ = [
    "Accuracy",
    "DistanceAccuracy",
    "TemporalConsistency",
    "change_interval",
    "confusion_matrix",
    "iou_per_class",
    "mean_iou",
]
