"""FST: the low-res branch is pulled towards the high-res branch's feature."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.losses.segmentation import SegmentationLoss
from arseg_lightning.models.segmentor import SegmentorOutput

__all__ = ["FST", "FSTLoss"]


@dataclass(frozen=True, slots=True)
class FSTLoss:
    """The objective and its two parts, each a scalar tensor.

    Args:
        total: What is minimised.
        segmentation: The segmentation loss, unweighted.
        similarity: The feature similarity loss, unweighted.
    """

    total: Tensor
    segmentation: Tensor
    similarity: Tensor


class FST(nn.Module):
    """Feature similarity training: segmentation loss plus the distance to the high-res feature.

    The explicit constraint is the mean squared error between the fused feature and the feature
    that the frozen high-res branch computes from the same frame at full resolution. The implicit
    one, the shared last convolution, is the task's ``share_classifier``.

    Args:
        segmentation: Loss on the scores.
        similarity_weight: Weight of the feature distance; 1.0 in the paper, 0 leaves it out.

    Source: Hu et al., CVPR 2023, section 3.4.
    """

    def __init__(self, segmentation: SegmentationLoss, similarity_weight: float = 1.0) -> None:
        super().__init__()
        self.segmentation = segmentation
        self.similarity_weight = similarity_weight

    def forward(self, output: SegmentorOutput, teacher: Tensor, label: Tensor) -> FSTLoss:
        """Compute the objective of the low-res branch.

        Args:
            output: What the low-res branch made of the frame.
            teacher: The high-res branch's feature of the same frame, (B, C, H, W).
            label: (B, height, width).
        """
        segmentation = self.segmentation(output, label)
        similarity = self.feature_distance(output.feature, teacher.detach())
        total = segmentation + self.similarity_weight * similarity
        return FSTLoss(total, segmentation, similarity)

    def feature_distance(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Mean squared error at the teacher's resolution.

        Shapes:
            student: (B, C, h, w)   teacher: (B, C, H, W)   returns: scalar
        """
        size = (teacher.shape[-2], teacher.shape[-1])
        student = F.interpolate(student.float(), size=size, mode="bilinear", align_corners=True)
        return F.mse_loss(student, teacher.float())
