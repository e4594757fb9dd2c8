"""Feature similarity training (FST) of a low-res feature towards the high-res one."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.losses.segmentation import CrossEntropy, SegmentationLoss
from arseg_lightning.models.segmentor import Output
from arseg_lightning.ranges import check_range, check_words

__all__ = ["FST", "Similarity", "class_divergence"]

Similarity = Literal["mse", "kl"]


class FST(nn.Module):
    """Feature similarity training: segmentation loss plus the distance to the high-res feature.

    The explicit constraint is the distance between the fused feature and the feature that the
    frozen high-res branch computes from the same frame at full resolution. The implicit one, the
    shared last convolution, is the task's ``share_classifier``.

    Args:
        segmentation: Loss on the scores; cross entropy by default.
        similarity_weight: Weight of the feature distance; 1.0 in the paper, 0 leaves it out.
        similarity: ``mse``: mean squared error of the features, the paper's choice. ``kl``:
            Kullback-Leibler divergence from the teacher's to the student's class distributions,
            at every pixel of the feature, both by the high-res branch's last convolution.

    Source: Hu et al., CVPR 2023, section 3.4.
    Differs: the published code's ``KL`` compares raw features, which are no distributions, with
        the roles of the two exchanged; it is not reproduced.
    """

    def __init__(
        self,
        segmentation: SegmentationLoss | None = None,
        similarity_weight: float = 1.0,
        similarity: Similarity = "mse",
    ) -> None:
        super().__init__()
        check_range(0, similarity_weight=similarity_weight)
        check_words(similarity=(similarity, Similarity))
        self.segmentation = segmentation or CrossEntropy()
        self.similarity_weight = similarity_weight
        self.similarity: Similarity = similarity

    def forward(
        self, output: Output, teacher: Tensor, label: Tensor, classifier: nn.Conv2d
    ) -> dict[str, Tensor]:
        """Compute ``segmentation`` and ``similarity``, weighted, of the low-res branch.

        Args:
            output: Its output for the frame.
            teacher: The high-res branch's feature of the same frame, (B, C, H, W).
            label: (B, height, width).
            classifier: The high-res branch's last convolution.
        """
        segmentation = self.segmentation(output, label)
        assert output.feature is not None
        student = output.feature.float()
        # The student's feature at the teacher's resolution: (B, C, h, w) -> (B, C, H, W)
        size = (teacher.shape[-2], teacher.shape[-1])
        student = F.interpolate(student, size=size, mode="bilinear", align_corners=True)
        teacher = teacher.detach().float()
        if self.similarity == "mse":
            similarity = F.mse_loss(student, teacher)
        else:
            similarity = class_divergence(classifier(student), classifier(teacher))
        return {"segmentation": segmentation, "similarity": self.similarity_weight * similarity}


def class_divergence(student: Tensor, teacher: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean over pixels of KL(teacher || student), of the class distributions that logits mean.

    Shapes:
        student, teacher: (B, K, H, W)   weight: (B, 1, H, W), of the pixels   returns: scalar
    """
    divergence = F.kl_div(
        F.log_softmax(student.float(), dim=1),
        F.log_softmax(teacher.float(), dim=1),
        reduction="none",
        log_target=True,
    ).sum(dim=1, keepdim=True)  # (B, K, H, W) -> (B, 1, H, W)
    if weight is None:
        return divergence.mean()
    return (weight * divergence).sum() / weight.sum().clamp(min=1e-6)
