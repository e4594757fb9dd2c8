"""From a confusion matrix to intersection over union."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["confusion_matrix", "iou_per_class", "mean_iou"]

_LACK_FLOAT64 = ("mps",)


def confusion_matrix(
    prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = 255
) -> Tensor:
    """Count pixels by true class (row) and predicted class (column).

    Shapes:
        prediction, label: any, equal; class indices   returns: (K, K) int64

    Raises:
        ValueError: If a label is neither a class nor ``ignore_index``.
    """
    keep = label != ignore_index
    true, predicted = label[keep].long(), prediction[keep].long()
    if true.numel() and (int(true.max()) >= num_classes or int(true.min()) < 0):
        raise ValueError(
            f"a label holds class {int(true.max())}, but there are {num_classes} classes "
            f"(0 to {num_classes - 1}) and {ignore_index} to leave out; check the class set"
        )
    counts = torch.bincount(true * num_classes + predicted, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def iou_per_class(confusion: Tensor) -> Tensor:
    """Intersection over union of each class; NaN for a class that is neither true nor predicted.

    Shapes:
        confusion: (..., K, K)   returns: (..., K) float64, or float32 where there is none (mps)
    """
    hits = confusion.diagonal(dim1=-2, dim2=-1)
    union = confusion.sum(-1) + confusion.sum(-2) - hits
    kind = torch.float32 if confusion.device.type in _LACK_FLOAT64 else torch.float64
    return hits.to(kind) / union.to(kind)


def mean_iou(confusion: Tensor) -> Tensor:
    """Mean over the classes that occur in the labels or the predictions.

    Shapes:
        confusion: (..., K, K)   returns: (...) float64, NaN where nothing was counted
    """
    return torch.nanmean(iou_per_class(confusion), dim=-1)
