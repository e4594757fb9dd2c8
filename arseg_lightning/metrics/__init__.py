"""Accuracy and temporal consistency of predictions."""

from arseg_lightning.metrics.confusion import (
    change_interval,
    confusion_matrix,
    iou_per_class,
    mean_iou,
)
from arseg_lightning.metrics.distance import Accuracy, DistanceAccuracy
from arseg_lightning.metrics.flicker import Flicker

__all__ = [
    "Accuracy",
    "DistanceAccuracy",
    "Flicker",
    "change_interval",
    "confusion_matrix",
    "iou_per_class",
    "mean_iou",
]
