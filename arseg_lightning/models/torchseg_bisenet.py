"""TorchSeg's BiSeNet with a ResNet-18, the network of TapLab's published weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import (
    ConvBNReLU,
    GatedConv,
    PooledBatchNorm2d,
    auxiliary_head,
    scaled,
    spatial_path,
)
from arseg_lightning.models.resnet import ResNet18
from arseg_lightning.models.segmentor import Segmentor, SideOutputs

__all__ = ["PUBLISHED_NAMES", "TorchSegBiSeNet18"]

PUBLISHED_NAMES = {
    "context_path.": "backbone.",
    "spatial_path.conv_7x7.": "spatial_path.0.",
    "spatial_path.conv_3x3_1.": "spatial_path.1.",
    "spatial_path.conv_3x3_2.": "spatial_path.2.",
    "spatial_path.conv_1x1.": "spatial_path.3.",
    "global_context.1.": "pooled.",
    "arms.0.conv_3x3.": "attend32.conv.",
    "arms.0.channel_attention.1.": "attend32.gate.",
    "arms.1.conv_3x3.": "attend16.conv.",
    "arms.1.channel_attention.1.": "attend16.gate.",
    "refines.0.": "refine16.",
    "refines.1.": "refine8.",
    "ffm.conv_1x1.": "merge.conv.",
    "ffm.channel_attention.1.conv.": "merge.gate.0.",
    "ffm.channel_attention.2.conv.": "merge.gate.2.",
    "heads.0.conv_3x3.": "auxiliary.0.0.",
    "heads.0.conv_1x1.": "auxiliary.0.1.",
    "heads.1.conv_3x3.": "auxiliary.1.0.",
    "heads.1.conv_1x1.": "auxiliary.1.1.",
    "heads.2.conv_3x3.": "head.",
    "heads.2.conv_1x1.": "classifier.",
}
"""Start of a key of the published file to start of ours."""


class TorchSegBiSeNet18(Segmentor):
    """BiSeNet whose feature has 64 channels at stride 8; two auxiliary heads score its context.

    Differs from :class:`BiSeNet18` in its head, in how maps are resized, and in the auxiliary
    heads; the weights of one do not fit the other.

    Args:
        num_classes: Number of classes K.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: see :class:`BiSeNet18`.

    Source: Yu et al., BiSeNet, ECCV 2018; details by the names and shapes of the weights of Feng
        et al., TapLab, TPAMI 2020.
    """

    feature_stride = 8
    feature_needs = ("image", "middle")

    def __init__(
        self, num_classes: int, *, width: float = 1.0, pretrained: str | None = None
    ) -> None:
        super().__init__()
        narrow, channels, wide = (scaled(each, width) for each in (64, 128, 256))
        self.backbone = ResNet18(width=width, pretrained=pretrained)
        shallow, third, fourth = self.backbone.channels
        self.stages = {"shallow": shallow, "middle": third}
        self.spatial_path = spatial_path(narrow, channels)
        self.pooled = ConvBNReLU(fourth, channels, 1, norm=PooledBatchNorm2d)
        self.attend32, self.attend16 = GatedConv(fourth, channels), GatedConv(third, channels)
        self.refine16, self.refine8 = (ConvBNReLU(channels, channels) for _ in range(2))
        gate = nn.Sequential(  # without batch norms, unlike the other gates
            nn.Conv2d(wide, wide, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(wide, wide, 1, bias=False),
            nn.Sigmoid(),
        )
        self.merge = nn.ModuleDict({"conv": ConvBNReLU(2 * channels, wide, 1), "gate": gate})
        self.head = ConvBNReLU(wide, narrow)
        self.feature_channels = narrow
        self.classifier = nn.Conv2d(narrow, num_classes, 1)
        self.auxiliary = nn.ModuleList(
            auxiliary_head(channels, wide, num_classes) for _ in range(2)
        )

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the stride-8 feature, and two sets of auxiliary logits when asked to."""
        return super().features_and_side(image, with_side)

    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a stage: two of the backbone, then all that follows them."""
        if stage == "shallow":  # (B, 128, H/8, W/8)
            return self.backbone.second(values["image"]), SideOutputs()
        if stage == "middle":  # (B, 256, H/16, W/16)
            return self.backbone.layer3(values["shallow"]), SideOutputs()
        spatial = self.spatial_path(values["image"])  # (B, 128, H/8, W/8)
        third = values["middle"]  # (B, 256, H/16, W/16)
        fourth = self.backbone.layer4(third)  # (B, 512, H/32, W/32)
        context = self.attend32(fourth) + self.pooled(fourth.mean((2, 3), keepdim=True))
        context16 = self.refine16(_resize(context, third))  # (B, 128, H/16, W/16)
        context8 = self.refine8(_resize(self.attend16(third) + context16, spatial))
        x = self.merge["conv"](torch.cat([spatial, context8], dim=1))  # (B, 256, H/8, W/8)
        x = x + x * self.merge["gate"](x.mean((2, 3), keepdim=True))
        feature = self.head(x)  # (B, 64, H/8, W/8)
        if not with_side:
            return feature, SideOutputs()
        contexts = zip(self.auxiliary, (context16, context8), strict=True)
        return feature, SideOutputs(dense=tuple(head(context) for head, context in contexts))


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)
