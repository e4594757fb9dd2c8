"""TDNet's teacher: a network's scores from all of its channels, and from groups of them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.models.multigrid_pspnet import MultigridPSPNet, channel_slice
from arseg_lightning.models.segmentor import Segmentor

__all__ = ["grouped_scores"]


def grouped_scores(
    teacher: Segmentor, image: Tensor, groups: int, scale: float | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Score an image by all of a network's channels, and by each group of them alone.

    A group is a slice of the map and of each pooled level; the 3x3 convolution before the
    classifier is linear, so that its outputs for the groups add up to the whole.

    Args:
        teacher: The network; only a :class:`MultigridPSPNet` has groups.
        image: (B, 3, H, W).
        groups: Number of groups.
        scale: Factor on a group's output, which stands for all; the number of groups if None (as
            published for four paths; for two the published factor is 1).

    Returns:
        The scores, (B, K, h, w), and those of each group.
    """
    if not isinstance(teacher, MultigridPSPNet):
        return teacher.output(image, False).scores, []
    pyramid, _ = teacher.run("pyramid", {"image": image})  # (B, C, h, w)
    weight = teacher.head.conv.weight  # (K', C, 3, 3)
    summed = []
    for index in range(groups):
        x, own = (channel_slice(each, teacher.parts, index, groups) for each in (pyramid, weight))
        summed.append(F.conv2d(x, own, padding=1))

    def classify(x: Tensor) -> Tensor:
        scores: Tensor = teacher.classifier(F.relu(teacher.head.bn(x)))
        return scores

    factor = groups if scale is None else scale
    return classify(torch.stack(summed).sum(0)), [classify(factor * x) for x in summed]
