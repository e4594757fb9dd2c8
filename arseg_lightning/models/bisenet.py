"""AR-Seg's BiSeNet with a ResNet-18."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import (
    ChannelGate,
    ConvBNReLU,
    GatedConv,
    NearestUpsampleConv,
    PooledBatchNorm2d,
    auxiliary_head,
    scaled,
    spatial_path,
)
from arseg_lightning.models.resnet import ResNet18
from arseg_lightning.models.segmentor import Segmentor, SideOutputs

__all__ = ["BiSeNet18"]


class BiSeNet18(Segmentor):
    """BiSeNet: a deep context path at stride 32 beside a shallow spatial path at stride 8.

    Its feature has 256 channels at stride 8. Two auxiliary heads score the context path in
    training.

    Args:
        num_classes: Number of classes K.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: a ResNet-18 file in torchvision's format, or
            ``imagenet`` to download torchvision's; random if None.

    Raises:
        ValueError: If a training batch has a single image.

    Source: Yu et al., BiSeNet, ECCV 2018; details by the names and shapes of the weights that
        Hu et al., CVPR 2023, published.
    """

    feature_stride = 8
    align_corners = False
    feature_needs = ("image", "middle")

    def __init__(
        self, num_classes: int, *, width: float = 1.0, pretrained: str | None = None
    ) -> None:
        super().__init__()
        context, spatial, merged = (scaled(c, width) for c in (128, 128, 256))
        narrow = scaled(64, width)
        self.context_path = _ContextPath(context, width, pretrained)
        shallow, middle, _ = self.context_path.backbone.channels
        self.stages = {"shallow": shallow, "middle": middle}
        self.spatial_path = spatial_path(narrow, spatial)
        self.merge = nn.ModuleDict(
            {"conv": ConvBNReLU(spatial + context, merged, 1), "gate": ChannelGate(merged)}
        )
        self.head = ConvBNReLU(merged, merged)
        self.feature_channels = merged
        self.classifier = nn.Conv2d(merged, num_classes, 1)
        self.auxiliary8 = auxiliary_head(context, narrow, num_classes)
        self.auxiliary16 = auxiliary_head(context, narrow, num_classes)
        # The backbone has its own weights; all else starts by Kaiming's rule.
        backbone = set(self.context_path.backbone.modules())
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module not in backbone:
                nn.init.kaiming_normal_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the stride-8 feature, and two sets of auxiliary logits when asked to."""
        return super().features_and_side(image, with_side)

    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a stage: two of the context path's backbone, then all that follows them."""
        if stage == "shallow":  # (B, 128, H/8, W/8)
            return self.context_path.backbone.second(values["image"]), SideOutputs()
        if stage == "middle":  # (B, 256, H/16, W/16)
            return self.context_path.backbone.layer3(values["shallow"]), SideOutputs()
        # (B, 128, H/8, W/8) and (B, 128, H/16, W/16)
        context8, context16 = self.context_path(values["middle"])
        detail = self.spatial_path(values["image"])  # (B, 128, H/8, W/8)
        both = torch.cat([_resize(detail, context8), context8], dim=1)
        x = self.merge["conv"](both)  # (B, 256, H/8, W/8)
        feature = self.head(x * self.merge["gate"](x) + x)  # (B, 256, H/8, W/8)
        if not with_side:
            return feature, SideOutputs()
        dense = (self.auxiliary8(context8), self.auxiliary16(context16))
        return feature, SideOutputs(dense=dense)


class _ContextPath(nn.Module):
    """The rest of a ResNet-18 after its third stage: gated, and brought up to strides 16 and 8."""

    def __init__(self, channels: int, width: float, pretrained: str | None) -> None:
        super().__init__()
        self.backbone = ResNet18(width=width, pretrained=pretrained)
        _, third, fourth = self.backbone.channels
        self.refine16 = GatedConv(third, channels)
        self.refine32 = GatedConv(fourth, channels)
        self.pooled = ConvBNReLU(fourth, channels, 1, norm=PooledBatchNorm2d)
        self.up16 = ConvBNReLU(channels, channels)
        self.up8 = NearestUpsampleConv(channels, channels)

    def forward(self, third: Tensor) -> tuple[Tensor, Tensor]:
        fourth = self.backbone.layer4(third)  # (B, 512, H/32, W/32)
        # (B, 128, H/32, W/32) + (B, 128, 1, 1)
        x = self.refine32(fourth) + self.pooled(fourth.mean((2, 3), keepdim=True))
        context16 = self.up16(_resize(F.interpolate(x, scale_factor=2, mode="nearest"), third))
        context8 = self.up8(self.refine16(third) + context16)
        return context8, context16


def _resize(x: Tensor, like: Tensor) -> Tensor:
    """Resize to the size of another map; where the sizes agree, nothing is done."""
    size = like.shape[-2:]
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)
