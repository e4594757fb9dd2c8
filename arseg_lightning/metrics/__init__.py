"""Accuracy and temporal consistency of predictions."""

from arseg_lightning.metrics.boundary import BoundaryAccuracy
from arseg_lightning.metrics.confusion import (
    change_interval,
    confusion_matrix,
    frequency_weighted_iou,
    iou_per_class,
    mean_accuracy,
    mean_iou,
    pixel_accuracy,
)
from arseg_lightning.metrics.consistency import TemporalConsistency, was_visible
from arseg_lightning.metrics.distance import Accuracy, DistanceAccuracy
from arseg_lightning.metrics.video_consistency import VideoConsistency

__all__ = [
    "Accuracy",
    "BoundaryAccuracy",
    "DistanceAccuracy",
    "TemporalConsistency",
    "VideoConsistency",
    "change_interval",
    "confusion_matrix",
    "frequency_weighted_iou",
    "iou_per_class",
    "mean_accuracy",
    "mean_iou",
    "pixel_accuracy",
    "was_visible",
]
