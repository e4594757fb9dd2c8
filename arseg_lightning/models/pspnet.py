"""AR-Seg's three PSPNets with a ResNet-18: with a decoder, with an earlier cut, at stride 8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import (
    ConvBNReLU,
    PyramidPooling,
    UpsampleConv,
    auxiliary_head,
    scaled,
)
from arseg_lightning.models.resnet import Dilated, ResNet
from arseg_lightning.models.segmentor import Segmentor, SideOutputs, StagedSegmentor
from arseg_lightning.ranges import check_words

__all__ = ["Cut", "PSPNet18", "PSPNet18EarlyCut", "PSPNet18Stride8", "PyramidContext"]

Cut = Literal["task", "features"]


class PSPNet18(StagedSegmentor):
    """PSPNet with a dilated ResNet-18 and a decoder up to the image's own resolution.

    The network of the paper's CamVid experiments. Half of its work is in the decoder, and its
    feature has 64 channels at stride 1 (at a multiple of 8 pixels, rounded up). Beside the
    segmentation it learns which classes occur in the image.

    Args:
        num_classes: Number of classes K.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: a ResNet-18 file in torchvision's format, or
            ``imagenet`` to download torchvision's; random if None.

    Source: Hu et al., CVPR 2023, section 4.1, by the published weights' names and shapes; the
        network is that of Zhao et al., CVPR 2017.
    Differs: scores are logits, not log-probabilities.
    """

    feature_stride = 1
    feature_needs = ("middle",)

    def __init__(
        self, num_classes: int, *, width: float = 1.0, pretrained: str | None = None
    ) -> None:
        super().__init__()
        self.backbone = ResNet(width=width, output_stride=8, pretrained=pretrained)
        stem, (shallow, side_channels, deep) = scaled(64, width), self.backbone.channels
        self.stages = {"stem": stem, "shallow": shallow, "middle": side_channels, "deep": deep}
        wide, middle, narrow = (scaled(c, width) for c in (1024, 256, 64))
        self.context = PyramidContext(deep, wide)
        self.decoder = nn.ModuleList(
            UpsampleConv(*pair) for pair in ((wide, middle), (middle, narrow), (narrow, narrow))
        )
        self.pyramid_dropout = nn.Dropout2d(0.3)
        self.decoder_dropout = nn.Dropout2d(0.15)
        self.feature_channels = narrow
        self.classifier = nn.Conv2d(narrow, num_classes, 1)
        self.presence = nn.Sequential(
            nn.Linear(side_channels, side_channels),
            nn.ReLU(),
            nn.Linear(side_channels, num_classes),
        )

    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a stage of the backbone, or the feature; class presence is seen at ``middle``."""
        backbone, presence = self.backbone, None
        if stage == "stem":
            x = backbone.stem(values["image"])  # (B, 64, H/4, W/4)
        elif stage == "shallow":
            x = backbone.layer2(backbone.layer1(values["stem"]))  # (B, 128, H/8, W/8)
        elif stage == "middle":
            x = backbone.layer3(values["shallow"])  # (B, 256, H/8, W/8)
            if with_side:
                presence = self.presence(x.amax((2, 3)))  # (B, K)
        elif stage == "deep":
            x = backbone.layer4(values["middle"])  # (B, 512, H/8, W/8)
        else:
            x = self.pyramid_dropout(F.relu(self.context(values["deep"])))  # (B, 1024, H/8, W/8)
            for doubling in self.decoder:
                x = self.decoder_dropout(doubling(x))  # 256 channels, then 64 and 64
        return x, SideOutputs(presence=presence)


class PSPNet18EarlyCut(PSPNet18):
    """PSPNet18 that propagates an earlier feature.

    The layers after the cut run on the fused feature, thus at the keyframe's resolution, and cost
    nearly as much as the whole network.

    Args:
        num_classes: Number of classes K.
        cut: ``task`` propagates the backbone's output (512 channels, stride 8), before the paper's
            N_task; ``features`` the output of its stem (64 channels, stride 4), before N_feat.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: see :class:`PSPNet18`.

    Source: Hu et al., CVPR 2023, ablation of the position of CReFF.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        cut: Cut = "task",
        width: float = 1.0,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(num_classes, width=width, pretrained=pretrained)
        self.cut = {"task": "deep", "features": "stem"}[cut]


class PSPNet18Stride8(Segmentor):
    """PSPNet with a dilated ResNet-18 and no decoder: its feature has 512 channels at stride 8.

    The network of the paper's Cityscapes experiments. An auxiliary head scores the third stage
    in training.

    Args:
        num_classes: Number of classes K.
        variant: ``arseg``: the network of AR-Seg's Cityscapes experiments. ``etc``: that of ETC
            (Liu et al., ECCV 2020), with 256 channels in its feature and fewer dilations.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: a ResNet-18 file in torchvision's format, or
            ``imagenet`` to download torchvision's; random if None.

    Source: Hu et al., CVPR 2023, section 4.1, by the published weights' names and shapes; the
        network is that of Zhao et al., CVPR 2017.
    """

    feature_stride = 8

    def __init__(
        self,
        num_classes: int,
        *,
        variant: Literal["arseg", "etc"] = "arseg",
        width: float = 1.0,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check_words(variant=(variant, Literal["arseg", "etc"]))
        dilated: Dilated = "second_convs" if variant == "etc" else "all_but_first"
        self.backbone = ResNet(width=width, output_stride=8, dilated=dilated, pretrained=pretrained)
        _, side_channels, deep = self.backbone.channels
        level = scaled(128, width)
        self.pyramid = PyramidPooling(deep, level, normalise=True, align_corners=True)
        self.feature_channels = scaled(256, width) if variant == "etc" else deep
        self.head = ConvBNReLU(deep + 4 * level, self.feature_channels)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(self.feature_channels, num_classes, 1)
        self.auxiliary = auxiliary_head(side_channels, side_channels, num_classes, dropout=0.1)

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the stride-8 feature, and the auxiliary logits when asked to."""
        # (B, 256, H/8, W/8) and (B, 512, H/8, W/8)
        _, third, fourth = self.backbone(image)
        # The head turns 512 + 4 * 128 channels into 512.
        feature = self.dropout(self.head(torch.cat([fourth, *self.pyramid(fourth)], dim=1)))
        return feature, SideOutputs(dense=(self.auxiliary(third),) if with_side else ())


class PyramidContext(nn.Module):
    """A map and its averages over a pyramid of grids, mixed by a 1x1 convolution.

    Shapes:
        deep: (B, in_channels, h, w)   returns: (B, out_channels, h, w)
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pyramid = PyramidPooling(
            in_channels, in_channels, normalise=False, align_corners=False
        )
        self.bottleneck = nn.Conv2d(5 * in_channels, out_channels, 1)

    def forward(self, deep: Tensor) -> Tensor:
        """Pool and mix."""
        levels = [*self.pyramid(deep), deep]  # five of (B, in_channels, h, w)
        mixed: Tensor = self.bottleneck(torch.cat(levels, dim=1))
        return mixed
