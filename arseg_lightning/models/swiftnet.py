"""SwiftNet: a ResNet, pooling of its coarsest map, and a light decoder; BlockCopy's network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import on_whole_map, resized, scaled
from arseg_lightning.models.resnet import ResNet
from arseg_lightning.models.segmentor import SideOutputs, StagedSegmentor
from arseg_lightning.ranges import check_words

__all__ = ["SwiftNet"]

Sizes = Literal["any", "released"]

_POOLED_ROWS = (8, 4, 2)
_STRIDE = 32


class SwiftNet(StagedSegmentor):
    """SwiftNet with a ResNet of 18 or 50 layers; its feature has 128 channels at stride 4.

    Args:
        num_classes: Number of classes K.
        depth: Layers of the ResNet; both have a 7x7 stem.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: for 18 layers, see :class:`BiSeNet18`; for 50, a file
            with torchvision's names. Random if None.
        sizes: ``any`` brings each map to the size of the one that it is added to; ``released``
            doubles it, and refuses images whose sides are not multiples of 32, as BlockCopy's.

    Source: Orsic et al., In Defense of Pre-Trained ImageNet Architectures for Real-Time Semantic
        Segmentation of Road-Driving Images, CVPR 2019; details by the published weights of
        Verelst and Tuytelaars, BlockCopy, ICCV 2021.
    """

    feature_stride = 4
    align_corners = False
    feature_needs = ("quarter", "shallow", "middle")

    def __init__(
        self,
        num_classes: int,
        *,
        depth: Literal[18, 50] = 18,
        width: float = 1.0,
        pretrained: str | None = None,
        sizes: Sizes = "any",
    ) -> None:
        super().__init__()
        check_words(sizes=(sizes, Sizes))
        self.sizes = sizes
        self.backbone = ResNet(depth, width=width, plain_stem=True, pretrained=pretrained)
        second, third, fourth = self.backbone.channels
        first, wide = second // 2, scaled(128, width)
        self.stages = {"quarter": first, "shallow": second, "middle": third, "pyramid": wide}
        self.pyramid = _Pyramid(fourth, wide)
        self.decoder = nn.ModuleList(_Blend(skip, wide) for skip in (third, second, first))
        self.norm = nn.BatchNorm2d(wide)
        self.feature_channels = wide
        self.classifier = nn.Conv2d(wide, num_classes, 1)

    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a stage: three of the backbone, its last with the pooling, or the decoder."""
        if stage == "quarter":  # (B, 64, H/4, W/4)
            image = values["image"]
            self._check(image)
            return self.backbone.layer1(self.backbone.stem(image)), SideOutputs()
        if stage == "shallow":  # (B, 128, H/8, W/8)
            return self.backbone.layer2(values["quarter"]), SideOutputs()
        if stage == "middle":  # (B, 256, H/16, W/16)
            return self.backbone.layer3(values["shallow"]), SideOutputs()
        if stage == "pyramid":  # (B, 128, H/32, W/32)
            return self.pyramid(self.backbone.layer4(values["middle"])), SideOutputs()
        x = values["pyramid"]
        for blend, name in zip(self.decoder, ("middle", "shallow", "quarter"), strict=True):
            x = blend(x, values[name])
        return F.relu(self.norm(x)), SideOutputs()  # (B, 128, H/4, W/4)

    def _check(self, image: Tensor) -> None:
        height, width = image.shape[-2:]
        if self.sizes == "released" and (height % _STRIDE or width % _STRIDE):
            raise ValueError(
                f"the released SwiftNet takes images whose sides are multiples of {_STRIDE}, and "
                f"got {height}x{width} (height x width); scale or crop them, or leave out sizes: "
                f"released"
            )


class _NormConv(nn.Module):
    """Batch norm, ReLU, and a convolution that keeps the size."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        padding = kernel_size // 2
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        convolved: Tensor = self.conv(F.relu(self.norm(x)))
        return convolved


class _Pyramid(nn.Module):
    """A map beside its averages over grids of 8, 4 and 2 rows: (B, C, h, w) -> (B, C', h, w)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        level = channels // len(_POOLED_ROWS)
        self.first = _NormConv(in_channels, channels)
        self.levels = nn.ModuleList(_NormConv(channels, level) for _ in _POOLED_ROWS)
        self.last = _NormConv(channels + len(_POOLED_ROWS) * level, channels)

    def forward(self, x: Tensor) -> Tensor:
        return on_whole_map(self._pooled, x)

    def _pooled(self, x: Tensor) -> Tensor:
        x = self.first(x)
        height, width = x.shape[-2:]
        maps: Sequence[Tensor] = [x]
        for rows, level in zip(_POOLED_ROWS, self.levels, strict=True):
            columns = max(1, round(rows * width / height))  # about square cells
            pooled = level(F.adaptive_avg_pool2d(x, (rows, columns)))
            maps = [*maps, resized(pooled, x, align_corners=False)]
        fused: Tensor = self.last(torch.cat([*maps], dim=1))
        return fused


class _Blend(nn.Module):
    """A coarser map, brought to the size of a finer one and added to it; then a 3x3 convolution."""

    def __init__(self, skip_channels: int, channels: int) -> None:
        super().__init__()
        self.skip = _NormConv(skip_channels, channels)
        self.mix = _NormConv(channels, channels, 3)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        blended: Tensor = self.mix(resized(coarse, fine, align_corners=False) + self.skip(fine))
        return blended
