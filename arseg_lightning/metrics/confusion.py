"""Confusion matrix and intersection over union."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

__all__ = ["confusion_matrix", "iou_per_class", "mean_iou"]

_LACK_FLOAT64 = ("mps",)
"""Kinds of devices."""


def confusion_matrix(
    prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = 255
) -> Tensor:
    """Count pixels by true class (row) and predicted class (column).

    Shapes:
        prediction, label: any, equal; class indices   returns: (K, K) int64

    Raises:
        ValueError: If a label is neither a class nor ``ignore_index``.
    """
    true = label.long()
    wrong = true[((true < 0) | (true >= num_classes)) & (true != ignore_index)]
    if wrong.numel():
        raise ValueError(
            f"a label holds class {int(wrong.max())}, but there are {num_classes} classes "
            f"(0 to {num_classes - 1}) and {ignore_index} to leave out; check the class set"
        )
    return multiclass_confusion_matrix(
        prediction.long(), true, num_classes, ignore_index=ignore_index, validate_args=False
    )


def iou_per_class(confusion: Tensor) -> Tensor:
    """Intersection over union of each class; NaN for a class that is neither true nor predicted.

    Shapes:
        confusion: (..., K, K)   returns: (..., K) float64, or float32 where there is none (mps)
    """
    hits = confusion.diagonal(dim1=-2, dim2=-1)  # (..., K)
    # Rows are what is true, columns what is predicted; both hold the hits.
    union = confusion.sum(-1) + confusion.sum(-2) - hits
    kind = torch.float32 if confusion.device.type in _LACK_FLOAT64 else torch.float64
    return hits.to(kind) / union.to(kind)


def mean_iou(confusion: Tensor) -> Tensor:
    """Mean over the classes that occur in the labels or the predictions.

    Shapes:
        confusion: (..., K, K)   returns: (...) float64, NaN where nothing was counted
    """
    return torch.nanmean(iou_per_class(confusion), dim=-1)
