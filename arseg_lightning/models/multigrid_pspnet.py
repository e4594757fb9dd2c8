"""TDNet's PSPNet, with a ResNet of 18, 50 or 101 layers whose last stage has several dilations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import ConvBNReLU, PyramidPooling, auxiliary_head
from arseg_lightning.models.resnet import Depth, ResNet
from arseg_lightning.models.segmentor import Segmentor, SideOutputs, StagedSegmentor

__all__ = ["MultigridPSPNet", "channel_slice", "grouped_scores"]


class MultigridPSPNet(StagedSegmentor):
    """PSPNet whose feature comes from the slices of its pyramid: a path of TDNet, and its teacher.

    Args:
        num_classes: Number of classes K.
        depth: Layers of the ResNet. That of 18 has a 7x7 stem, the others three 3x3 convolutions.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: for 18 layers, see :class:`PSPNet18`; for the others, a
            file with these names. Random if None.

    Attributes:
        parts: Channels of the stage ``pyramid``: of the map, and of each of its pooled levels.

    Source: Hu et al., Temporally Distributed Networks for Fast Video Semantic Segmentation, CVPR
        2020, by the names and shapes of the published weights.
    """

    feature_stride = 8

    def __init__(
        self,
        num_classes: int,
        *,
        depth: Depth = 18,
        width: float = 1.0,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.backbone = ResNet(
            depth, width=width, output_stride=8, dilated="multigrid", pretrained=pretrained
        )
        second, third, deep = self.backbone.channels
        level = deep // 4
        self.parts = (deep, level, level, level, level)
        self.stages = {"shallow": second, "middle": third, "pyramid": sum(self.parts)}
        self.pyramid = PyramidPooling(deep, level, normalise=True, align_corners=True)
        self.head = ConvBNReLU(sum(self.parts), level)
        self.dropout = nn.Dropout2d(0.1)
        self.feature_channels = level
        self.classifier = nn.Conv2d(level, num_classes, 1)
        self.auxiliary = auxiliary_head(third, third // 4, num_classes, dropout=0.1)

    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a stage; the auxiliary head scores ``middle``."""
        side = SideOutputs()
        if stage == "shallow":  # (B, 128, H/8, W/8)
            x = self.backbone.second(values["image"])
        elif stage == "middle":  # (B, 256, H/8, W/8)
            x = self.backbone.layer3(values["shallow"])
            side = SideOutputs(dense=(self.auxiliary(x),)) if with_side else side
        elif stage == "pyramid":  # (B, 512 + 4 * 128, H/8, W/8)
            deep = self.backbone.layer4(values["middle"])
            x = torch.cat([deep, *self.pyramid(deep)], dim=1)
        else:  # (B, 128, H/8, W/8)
            x = self.dropout(self.head(values["pyramid"]))
        return x, side


def channel_slice(x: Tensor, parts: Sequence[int], index: int, count: int) -> Tensor:
    """Take one of ``count`` equal slices of each part of the channels.

    Shapes:
        x: (B, sum of the parts, h, w)   returns: (B, C / count, h, w)
    """
    slices = [part.chunk(count, dim=1)[index] for part in torch.split(x, list(parts), dim=1)]
    return torch.cat(slices, dim=1)


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
