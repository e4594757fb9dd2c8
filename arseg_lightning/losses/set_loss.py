"""The loss of networks that find masks by queries: each mask of a label is matched to a query."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from arseg_lightning.losses.segmentation import SegmentationLoss
from arseg_lightning.models.segmentor import Output, QueryScores
from arseg_lightning.ranges import check_range

__all__ = ["SetLoss"]


class SetLoss(SegmentationLoss):
    """Cross entropy of classes, and of masks with their overlap, between matched queries and masks.

    Each class of a label is one mask. It is the loss of transformers' Mask2Former, added up over
    all layers that learn, and needs that package (``arseg_lightning[hf]``).

    Args:
        class_weight: Weight of the classes' cross entropy.
        mask_weight: Weight of the masks' binary cross entropy.
        dice_weight: Weight of their dice loss.
        no_object_weight: Weight, among classes, of queries that nothing is matched to.
        points: Points at which masks are compared, drawn where the network is least sure.
        ignore_index: Label value that is no mask.

    Source: Cheng et al., Masked-attention Mask Transformer for Universal Image Segmentation, CVPR
        2022, section 3.3.
    """

    def __init__(
        self,
        class_weight: float = 2.0,
        mask_weight: float = 5.0,
        dice_weight: float = 5.0,
        no_object_weight: float = 0.1,
        points: int = 12544,
        ignore_index: int = 255,
    ) -> None:
        super().__init__(ignore_index)
        check_range(0, class_weight=class_weight, mask_weight=mask_weight, dice_weight=dice_weight)
        check_range(0, no_object_weight=no_object_weight)
        check_range(1, points=points)
        self.class_weight, self.mask_weight = class_weight, mask_weight
        self.dice_weight, self.no_object_weight = dice_weight, no_object_weight
        self.points = points
        self._criteria: dict[int, Any] = {}

    def forward(self, output: Output, label: Tensor) -> Tensor:
        """Compute the loss of all layers for labels (B, H, W).

        Raises:
            ValueError: If the output has no queries.
        """
        if not output.side.queries:
            raise ValueError(
                "SetLoss compares the queries of a network in training, and the output has none; "
                "use it with Mask2Former, or CrossEntropy with a network that scores pixels"
            )
        windows = output.side.windows
        label = label if windows is None else windows.cut_labels(label)
        return self.of_queries(output.side.queries, label)

    def of_queries(self, found: tuple[QueryScores, ...], label: Tensor) -> Tensor:
        """Compute the loss of what each layer's queries found, for labels (B, H, W)."""
        masks, classes = zip(*map(self._targets, label), strict=True)
        *earlier, last = found
        criterion = self._criterion(last.classes.shape[-1] - 1).to(label.device)
        terms: dict[str, Tensor] = criterion(
            last.masks.float(),
            last.classes.float(),
            [*masks],
            [*classes],
            [
                {
                    "masks_queries_logits": each.masks.float(),
                    "class_queries_logits": each.classes.float(),
                }
                for each in earlier
            ],
        )
        weights = criterion.weight_dict
        weighted = (weights[name.rstrip("_0123456789")] * term for name, term in terms.items())
        return torch.stack([*weighted]).sum()

    def _targets(self, label: Tensor) -> tuple[Tensor, Tensor]:
        """The masks, (N, H, W), and the classes, (N,), of a label (H, W)."""
        classes = torch.unique(label)
        classes = classes[classes != self.ignore_index]
        return (label == classes[:, None, None]).float(), classes.long()

    def _criterion(self, num_classes: int) -> Any:
        """The loss of transformers for a number of classes."""
        if num_classes not in self._criteria:
            from transformers import Mask2FormerConfig  # the package is an extra
            from transformers.models.mask2former.modeling_mask2former import Mask2FormerLoss

            config = Mask2FormerConfig(
                num_labels=num_classes,
                class_weight=self.class_weight,
                mask_weight=self.mask_weight,
                dice_weight=self.dice_weight,
                no_object_weight=self.no_object_weight,
                train_num_points=self.points,
            )
            weights = {
                "loss_cross_entropy": self.class_weight,
                "loss_mask": self.mask_weight,
                "loss_dice": self.dice_weight,
            }
            self._criteria[num_classes] = Mask2FormerLoss(config, weights)
        return self._criteria[num_classes]
