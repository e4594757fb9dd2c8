"""How good a prediction is."""

from arseg_lightning.metrics.confusion import confusion_matrix, iou_per_class, mean_iou
from arseg_lightning.metrics.distance import Accuracy, DistanceAccuracy

__all__ = ["Accuracy", "DistanceAccuracy", "confusion_matrix", "iou_per_class", "mean_iou"]
