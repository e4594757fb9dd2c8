"""Losses that count what mean IoU counts: the overlap of each class over a whole batch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.losses.segmentation import DenseLoss
from arseg_lightning.ranges import check_range, check_words

__all__ = ["IoULoss", "LovaszSoftmax"]

Surrogate = Literal["inverse", "complement"]


class IoULoss(DenseLoss):
    """Intersection over union of each class over all pixels of the batch, with soft predictions.

    A pixel counts for each class by its probability: the intersection is the sum of the
    probabilities of the true class, the union that of all, and of the true pixels without. The
    batch stands for the corpus over which mean IoU is counted, and classes that it does not show
    have no part; several processes have a batch each.

    Args:
        surrogate: ``inverse``: the mean of union over intersection, 1 or more, which classes
            that are hardly found dominate; ``complement``: 1 minus the mean of intersection over
            union, between 0 and 1.
        smooth: Pixels that are added to intersection and union, so that the inverse is finite for
            a class that is not found at all.
        auxiliary_weight: Weight of each auxiliary score map.
        presence_weight: Weight of the class-presence loss, for networks that predict it.
        ignore_index: Label value that is left out.

    Raises:
        ValueError: If ``smooth`` is negative.

    Source: Cogswell et al., Combining the Best of Graphical Models and ConvNets for Semantic
        Segmentation, arXiv 1412.4313, whose loss is the inverse.
    Differs: ``smooth`` and the complement are ours.
    """

    def __init__(
        self,
        surrogate: Surrogate = "inverse",
        smooth: float = 1.0,
        auxiliary_weight: float = 0.4,
        presence_weight: float = 1.0,
        ignore_index: int = 255,
    ) -> None:
        super().__init__(auxiliary_weight, presence_weight, ignore_index)
        check_words(surrogate=(surrogate, Surrogate))
        check_range(0, smooth=smooth)
        self.surrogate: Surrogate = surrogate
        self.smooth = smooth

    def dense(self, logits: Tensor, label: Tensor) -> Tensor:
        """Compare the probabilities with the labels, class by class."""
        found, true = _labelled(logits, label, self.ignore_index)  # (N, K), (N, K)
        pixels = true.sum(0)  # (K,)
        hits = (found * true).sum(0)
        union = found.sum(0) + pixels - hits
        shown = pixels > 0
        if not shown.any():
            return logits.sum() * 0.0
        hits, union = (part[shown] + self.smooth for part in (hits, union))
        if self.surrogate == "inverse":
            return (union / hits).mean()
        return 1.0 - (hits / union).mean()


class LovaszSoftmax(DenseLoss):
    """The Lovász extension of the Jaccard loss of each class, over all pixels of the batch.

    For predictions that are certain of one class it is 1 minus the mean IoU over the classes that
    the batch shows; between them it is convex in the errors of the pixels, unlike
    :class:`IoULoss`, and sorts them.

    Args:
        auxiliary_weight: Weight of each auxiliary score map.
        presence_weight: Weight of the class-presence loss, for networks that predict it.
        ignore_index: Label value that is left out.

    Source: Berman, Rannen Triki and Blaschko, The Lovász-Softmax Loss, CVPR 2018, in its form for
        batches, with the classes that are present.
    """

    def dense(self, logits: Tensor, label: Tensor) -> Tensor:
        """Weigh the errors of the pixels, sorted, by what each adds to the loss of its class."""
        found, true = _labelled(logits, label, self.ignore_index)
        shown = true.sum(0) > 0
        if not shown.any():
            return logits.sum() * 0.0
        found, true = found[:, shown], true[:, shown]  # (N, K')
        errors, order = (true - found).abs().sort(dim=0, descending=True)
        true = true.gather(0, order)
        # The Jaccard loss of the class if this pixel and those of larger errors were wrong.
        missed = true.cumsum(0)
        pixels = missed[-1]
        lost = 1.0 - (pixels - missed) / (pixels + (1.0 - true).cumsum(0))
        weights = torch.diff(lost, dim=0, prepend=torch.zeros_like(lost[:1]))
        return (errors * weights).sum(0).mean()


def _labelled(logits: Tensor, label: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Probabilities and true classes of the labelled pixels, both (N, K)."""
    valid = label != ignore_index
    chosen = logits.movedim(1, -1)[valid]  # (B, K, H, W) -> (N, K)
    true = F.one_hot(label[valid], logits.shape[1])
    return chosen.softmax(dim=-1), true.to(chosen.dtype)
