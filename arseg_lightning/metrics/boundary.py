"""Accuracy of the borders between classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from arseg_lightning.ranges import check_range

__all__ = ["BoundaryAccuracy"]


class BoundaryAccuracy(Metric):
    """F-score of the borders of each class, within some pixels; and its mean over classes.

    A pixel lies on the border of its class if one next to it is of another class. Borders to pixels
    without a label do not count.

    Args:
        num_classes: Number of classes K.
        tolerance: Pixels that a border may be off.
        ignore_index: Label value that is left out.

    Source: Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013.
    Differs: borders of all frames are added up, and distances are those of a square.
    """

    full_state_update = False
    higher_is_better = True
    found: Tensor
    predicted: Tensor
    met: Tensor
    true: Tensor

    def __init__(self, num_classes: int, tolerance: int = 3, ignore_index: int = 255) -> None:
        super().__init__()
        check_range(0, tolerance=tolerance)
        self.num_classes, self.tolerance, self.ignore_index = num_classes, tolerance, ignore_index
        for name in ("found", "predicted", "met", "true"):
            zeros = torch.zeros(num_classes, dtype=torch.int64)
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def update(self, prediction: Tensor, label: Tensor) -> None:
        """Count a frame, (H, W)."""
        known = label != self.ignore_index
        near = 2 * self.tolerance + 1
        classes = torch.arange(self.num_classes, device=label.device)[:, None, None]
        borders, bands = [], []
        for labels in (prediction, label):
            border = (labels == classes) & _borders(labels, known)  # (K, H, W)
            spread = F.max_pool2d(border[None].float(), near, 1, self.tolerance)[0] > 0
            borders.append(border)
            bands.append(spread)
        self.predicted += borders[0].sum((1, 2))
        self.found += (borders[0] & bands[1]).sum((1, 2))
        self.true += borders[1].sum((1, 2))
        self.met += (borders[1] & bands[0]).sum((1, 2))

    def compute(self) -> Tensor:
        """F-score of each class, (K,); NaN of a class that has no border anywhere."""
        precision, recall = self.found / self.predicted, self.met / self.true
        score = 2 * precision * recall / (precision + recall)
        occurs = (self.predicted + self.true) > 0
        return torch.where(occurs, score.nan_to_num(0.0), torch.nan)


def _borders(labels: Tensor, known: Tensor) -> Tensor:
    """Pixels next to one of another class, both of which count: (H, W)."""
    border = torch.zeros_like(known)
    across = (labels[:, :-1] != labels[:, 1:]) & known[:, :-1] & known[:, 1:]
    down = (labels[:-1] != labels[1:]) & known[:-1] & known[1:]
    for one, other, differ in (
        (border[:, :-1], border[:, 1:], across),
        (border[:-1], border[1:], down),
    ):
        one |= differ
        other |= differ
    return border
