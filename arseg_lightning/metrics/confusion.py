"""Confusion matrix, intersection over union, and how far chance may carry a difference in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

__all__ = ["Absent", "change_interval", "confusion_matrix", "frequency_weighted_iou"]
__all__ += ["iou_per_class", "mean_accuracy", "mean_iou", "pixel_accuracy"]

Absent = Literal["left_out", "true", "zero"]

_DRAWS = 1000
_AT_ONCE = 2**22  # numbers

_LACK_FLOAT64 = ("mps",)


def confusion_matrix(
    prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = 255
) -> Tensor:
    """Count pixels of class indices by true class (row) and predicted class (column), (K, K).

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


def mean_iou(confusion: Tensor, absent: Absent = "left_out") -> Tensor:
    """Mean IoU over classes, (..., K, K) -> (...); NaN where nothing was counted.

    Args:
        confusion: Pixels by true and predicted class.
        absent: Which classes count: ``left_out``, those that are true or predicted anywhere;
            ``true``, those that are true, as in VSPW's script; ``zero``, all, as in ETC's, where a
            class that never occurs has an IoU of 0.
    """
    iou = iou_per_class(confusion)
    if absent == "zero":
        return iou.nan_to_num(0.0).mean(-1)
    if absent == "true":
        iou = torch.where(confusion.sum(-1) > 0, iou, torch.nan)
    return torch.nanmean(iou, dim=-1)


def frequency_weighted_iou(confusion: Tensor) -> Tensor:
    """Mean IoU weighted by how many pixels each class has, (..., K, K) -> (...)."""
    pixels = confusion.sum(-1)  # (..., K)
    weighted = iou_per_class(confusion).nan_to_num(0.0) * pixels
    return weighted.sum(-1) / pixels.sum(-1)


def pixel_accuracy(confusion: Tensor) -> Tensor:
    """Share of pixels whose class is right, (..., K, K) -> (...)."""
    hits = confusion.diagonal(dim1=-2, dim2=-1).sum(-1)
    return hits / confusion.sum((-1, -2))


def mean_accuracy(confusion: Tensor) -> Tensor:
    """Share of right pixels of each true class, averaged, (..., K, K) -> (...)."""
    hits = confusion.diagonal(dim1=-2, dim2=-1)
    return torch.nanmean(hits / confusion.sum(-1), dim=-1)


def change_interval(own: Sequence[Tensor], reference: Sequence[Tensor]) -> tuple[float, float]:
    """Find the 95 % interval of a change in mean IoU over distances.

    Blocks are drawn with replacement, the same ones for both systems, and so are pairs of their
    trainings, if there are several. It says what other frames of such videos would change; of other
    trainings, only what these few differ by, and with one each nothing.

    Args:
        own: Pixels of each training of a system by block of frames, distance, true and predicted
            class.
        reference: Those of the system that it is compared with, on the same blocks; the first of
            its trainings is the first one's pair, and so on.

    Returns:
        Least and greatest change; NaN if there are fewer than two blocks.

    Source: the block bootstrap; Künsch, The Jackknife and the Bootstrap for General Stationary
        Observations, Annals of Statistics 1989. Neighbouring frames are alike, and are no draws
        of their own.

    Shapes:
        own: (N, L, K, K) each   reference: (N, L', K, K) each
    """
    number = len(own[0])
    if number < 2:
        return float("nan"), float("nan")
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(number, (_DRAWS, number), generator=generator)
    times = torch.zeros(_DRAWS, number, dtype=torch.float64)  # how often a block is in a draw
    times.scatter_add_(1, chosen, torch.ones_like(chosen, dtype=torch.float64))
    pairs = zip(own, reference, strict=True)
    changes = torch.stack([_means(one, times) - _means(other, times) for one, other in pairs])
    which = torch.randint(len(own), changes.shape, generator=generator)  # (trainings, draws)
    drawn = changes.gather(0, which).mean(0)
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def _means(blocks: Tensor, times: Tensor) -> Tensor:
    """Mean IoU over distances of each draw: (N, L, K, K), (draws, N) -> (draws,)."""
    pixels = blocks.flatten(1).double()  # (N, L * K * K)
    # Few at once: of many classes, a draw is large.
    parts = torch.split(times, max(1, _AT_ONCE // pixels.shape[1]))
    drawn = ((part @ pixels).view(-1, *blocks.shape[1:]) for part in parts)
    return torch.cat([torch.nanmean(mean_iou(each), dim=-1) for each in drawn])
