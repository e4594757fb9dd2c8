"""BiSeNet with a ResNet-18: AR-Seg's, and TorchSeg's, which TapLab published weights of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import (
    ChannelGate,
    ConvBNReLU,
    GatedConv,
    NearestUpsampleConv,
    auxiliary_head,
    on_whole_map,
    resized,
    scaled,
)
from arseg_lightning.models.resnet import ResNet
from arseg_lightning.models.segmentor import SideOutputs, StagedSegmentor

__all__ = ["BiSeNet18", "TorchSegBiSeNet18"]


class BiSeNet18(StagedSegmentor):
    """BiSeNet: a deep context path at stride 32 beside a shallow spatial path at stride 8.

    Its feature has 256 channels at stride 8. Two auxiliary heads score the context path in
    training.

    Args:
        num_classes: Number of classes K.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: a ResNet-18 file in torchvision's format, or
            ``imagenet`` to download torchvision's; random if None.

    Source: Yu et al., BiSeNet, ECCV 2018; details by the names and shapes of the weights that
        Hu et al., CVPR 2023, published.
    """

    feature_stride = 8
    align_corners = False
    feature_needs = ("image", "middle")
    _head_channels: ClassVar[int] = 256
    _auxiliary_channels: ClassVar[int] = 64
    _doubles_by_repeating: ClassVar[bool] = True

    def __init__(
        self, num_classes: int, *, width: float = 1.0, pretrained: str | None = None
    ) -> None:
        super().__init__()
        narrow, channels, merged = (scaled(c, width) for c in (64, 128, 256))
        head = scaled(self._head_channels, width)
        auxiliary = scaled(self._auxiliary_channels, width)
        self.context_path = _ContextPath(channels, width, pretrained, self._doubles_by_repeating)
        shallow, middle, _ = self.context_path.backbone.channels
        self.stages = {"shallow": shallow, "middle": middle}
        self.spatial_path = nn.Sequential(  # (B, 3, H, W) -> (B, 128, H/8, W/8)
            ConvBNReLU(3, narrow, 7, stride=2),
            ConvBNReLU(narrow, narrow, stride=2),
            ConvBNReLU(narrow, narrow, stride=2),
            ConvBNReLU(narrow, channels, 1),
        )
        self.merge = nn.ModuleDict(
            {"conv": ConvBNReLU(2 * channels, merged, 1), "gate": self._gate(merged)}
        )
        self.head = ConvBNReLU(merged, head)
        self.feature_channels = head
        self.classifier = nn.Conv2d(head, num_classes, 1)
        self.auxiliary8 = auxiliary_head(channels, auxiliary, num_classes)
        self.auxiliary16 = auxiliary_head(channels, auxiliary, num_classes)
        # The backbone has its own weights; all else starts by Kaiming's rule.
        backbone = set(self.context_path.backbone.modules())
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module not in backbone:
                nn.init.kaiming_normal_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _gate(self, channels: int) -> nn.Module:
        return ChannelGate(channels)

    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a stage: two of the context path's backbone, then all that follows them."""
        if stage == "shallow":  # (B, 128, H/8, W/8)
            return self.context_path.backbone.second(values["image"]), SideOutputs()
        if stage == "middle":  # (B, 256, H/16, W/16)
            return self.context_path.backbone.layer3(values["shallow"]), SideOutputs()
        detail = self.spatial_path(values["image"])  # (B, 128, H/8, W/8)
        # (B, 128, H/8, W/8) and (B, 128, H/16, W/16)
        context8, context16 = self.context_path(values["middle"], detail)
        both = torch.cat([resized(detail, context8), context8], dim=1)
        x = self.merge["conv"](both)  # (B, 256, H/8, W/8)
        feature = self.head(x * self.merge["gate"](x) + x)
        if not with_side:
            return feature, SideOutputs()
        dense = (self.auxiliary8(context8), self.auxiliary16(context16))
        return feature, SideOutputs(dense=dense)


class TorchSegBiSeNet18(BiSeNet18):
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

    align_corners = True
    _head_channels = 64
    _auxiliary_channels = 256
    _doubles_by_repeating = False

    def _gate(self, channels: int) -> nn.Module:
        # Without batch norms, unlike the other gates.
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Sigmoid(),
        )


class _ContextPath(nn.Module):
    """The rest of a ResNet-18 after its third stage: gated, and brought up to strides 16 and 8."""

    def __init__(
        self, channels: int, width: float, pretrained: str | None, doubles_by_repeating: bool
    ) -> None:
        super().__init__()
        self.doubles_by_repeating = doubles_by_repeating
        self.backbone = ResNet(width=width, pretrained=pretrained)
        _, third, fourth = self.backbone.channels
        self.refine16 = GatedConv(third, channels)
        self.refine32 = GatedConv(fourth, channels)
        self.pooled = ConvBNReLU(fourth, channels, 1)
        self.up16 = ConvBNReLU(channels, channels)
        self.up8 = (NearestUpsampleConv if doubles_by_repeating else ConvBNReLU)(channels, channels)

    def forward(self, third: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
        fourth = self.backbone.layer4(third)  # (B, 512, H/32, W/32)
        # (B, 128, H/32, W/32) + (B, 128, 1, 1)
        x = self.refine32(fourth) + on_whole_map(self._mean_context, fourth)
        if self.doubles_by_repeating:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        context16 = self.up16(resized(x, third))
        x = self.refine16(third) + context16  # (B, 128, H/16, W/16)
        return self.up8(x if self.doubles_by_repeating else resized(x, detail)), context16

    def _mean_context(self, fourth: Tensor) -> Tensor:
        mean: Tensor = self.pooled(fourth.mean((2, 3), keepdim=True))
        return mean
