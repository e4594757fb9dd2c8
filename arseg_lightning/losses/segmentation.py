"""Segmentation losses on all outputs of a network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.segmentor import Output, resize_scores
from arseg_lightning.ranges import check_above, check_range

__all__ = ["CrossEntropy", "DenseLoss", "OnlineHardExampleMining", "SegmentationLoss"]


class SegmentationLoss(nn.Module, ABC):
    """A loss of a network's output.

    Args:
        ignore_index: Label value that is left out.
    """

    def __init__(self, ignore_index: int = 255) -> None:
        super().__init__()
        check_range(0, 255, ignore_index=ignore_index)
        self.ignore_index = ignore_index

    @abstractmethod
    def forward(self, output: Output, label: Tensor) -> Tensor:
        """Compute the loss for labels (B, H, W); a batch without any gives zero."""


class DenseLoss(SegmentationLoss):
    """A loss on the main scores, plus the same on auxiliary ones, plus class presence.

    Args:
        auxiliary_weight: Weight of each auxiliary score map.
        presence_weight: Weight of the binary cross entropy on "this class is in the image".
        ignore_index: Label value that is left out.
    """

    def __init__(
        self, auxiliary_weight: float = 0.4, presence_weight: float = 1.0, ignore_index: int = 255
    ) -> None:
        super().__init__(ignore_index)
        check_range(0, auxiliary_weight=auxiliary_weight, presence_weight=presence_weight)
        self.auxiliary_weight = auxiliary_weight
        self.presence_weight = presence_weight

    @abstractmethod
    def dense(self, logits: Tensor, label: Tensor) -> Tensor:
        """Compute the loss of logits (B, K, H, W) for labels (B, H, W)."""

    def forward(self, output: Output, label: Tensor) -> Tensor:
        """Compute the loss for labels (B, H, W); a batch without any gives zero."""
        size = (label.shape[-2], label.shape[-1])
        total = self.dense(output.logits(size).float(), label)
        for logits in output.side.dense:  # (B, K, h, w), each at its own resolution
            logits = resize_scores(logits.float(), size, True)
            total = total + self.auxiliary_weight * self.dense(logits, label)
        if output.side.presence is not None:
            presence = output.side.presence.float()  # (B, K)
            occurs = torch.zeros_like(presence)  # 1 for the classes in each image
            for image_label, row in zip(label, occurs, strict=True):
                seen = image_label.unique()
                row[seen[seen != self.ignore_index]] = 1.0
            found = F.binary_cross_entropy_with_logits(presence, occurs)
            total = total + self.presence_weight * found
        return total


class _PixelLoss(DenseLoss):
    """A loss that is made of the cross entropy of each pixel."""

    @abstractmethod
    def pixels(self, losses: Tensor, valid: Tensor) -> Tensor:
        """Reduce cross entropies of pixels, (N,), zero where not valid, to one number."""

    def dense(self, logits: Tensor, label: Tensor) -> Tensor:
        """Reduce the cross entropies of all labelled pixels."""
        # (B, K, H, W) and (B, H, W) -> (B, H, W)
        losses = F.cross_entropy(logits, label, ignore_index=self.ignore_index, reduction="none")
        return self.pixels(losses.flatten(), (label != self.ignore_index).flatten())


class CrossEntropy(_PixelLoss):
    """Mean cross entropy over labelled pixels: the loss of the paper's PSPNet18.

    Args:
        auxiliary_weight: Weight of each auxiliary score map; 0.4 for Cityscapes in the paper.
        presence_weight: Weight of the class-presence loss; 1.0 for CamVid in the paper.
        ignore_index: Label value that is left out.
    """

    def pixels(self, losses: Tensor, valid: Tensor) -> Tensor:
        """Average over the labelled pixels."""
        return losses.sum() / valid.sum().clamp(min=1)


class OnlineHardExampleMining(_PixelLoss):
    """Cross entropy over the hard pixels only: the loss of the paper's BiSeNet18.

    Pixels whose true class has a probability below ``threshold`` count; if they are fewer than
    a share of the labelled pixels, the hardest of that share count.

    Args:
        threshold: Probability below which a pixel is hard.
        min_kept_share: Share of the labelled pixels that count at least.
        auxiliary_weight: Weight of each auxiliary score map.
        presence_weight: Weight of the class-presence loss, for networks that predict it.
        ignore_index: Label value that is left out.

    Raises:
        ValueError: If threshold or share are not in (0, 1].
    """

    def __init__(
        self,
        threshold: float = 0.7,
        min_kept_share: float = 1 / 16,
        auxiliary_weight: float = 1.0,
        presence_weight: float = 1.0,
        ignore_index: int = 255,
    ) -> None:
        super().__init__(auxiliary_weight, presence_weight, ignore_index)
        check_range(0, 1, threshold=threshold, min_kept_share=min_kept_share)
        check_above(0, threshold=threshold, min_kept_share=min_kept_share)
        self.threshold = threshold
        self.min_kept_share = min_kept_share

    def pixels(self, losses: Tensor, valid: Tensor) -> Tensor:
        """Average over the hard pixels."""
        # A pixel's cross entropy is -log of its true class's probability.
        kept = losses[valid & (losses > -math.log(self.threshold))]
        min_kept = int(valid.sum().item() * self.min_kept_share)
        if kept.numel() < min_kept:
            kept = losses[valid].topk(min_kept).values  # (N,) -> (min_kept,)
        return kept.sum() / max(1, kept.numel())
