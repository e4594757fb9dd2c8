"""TDNet's PSPNet, with a ResNet of 18, 50 or 101 layers whose last stage has several dilations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from arseg_lightning.models.blocks import ConvBNReLU, PyramidPooling, scaled
from arseg_lightning.models.pretrained import load_resnet18_weights
from arseg_lightning.models.resnet import BasicBlock
from arseg_lightning.models.segmentor import SideOutputs, StagedSegmentor
from arseg_lightning.models.weight_file import load_matching, read_checkpoint

__all__ = ["Depth", "MultigridPSPNet", "MultigridResNet"]

Depth = Literal[18, 50, 101]

_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_MULTIGRID = (4, 8, 16)
"""Dilations of the blocks of the last stage."""


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
        self.backbone = MultigridResNet(depth, width=width, pretrained=pretrained)
        second, third, deep = self.backbone.channels
        level = deep // 4
        self.parts = (deep, level, level, level, level)
        self.stages = {"shallow": second, "middle": third, "pyramid": sum(self.parts)}
        self.pyramid = PyramidPooling(deep, level, normalise=True, align_corners=True)
        self.head = ConvBNReLU(sum(self.parts), level)
        self.dropout = nn.Dropout2d(0.1)
        self.feature_channels = level
        self.classifier = nn.Conv2d(level, num_classes, 1)
        self.auxiliary = nn.Sequential(
            ConvBNReLU(third, third // 4),
            nn.Dropout2d(0.1),
            nn.Conv2d(third // 4, num_classes, 1),
        )

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


class MultigridResNet(nn.Module):
    """A dilated ResNet; the blocks of its last stage have dilations 4, 8 and 16.

    Args:
        depth: Number of layers.
        width: Factor on all channel counts.
        pretrained: See :class:`MultigridPSPNet`.

    Attributes:
        channels: Channels of the last three stages, all at stride 8.

    Raises:
        FileNotFoundError: If there are no weights where they are said to be.
        ValueError: If they are those of another network, or wanted at another width than 1.
    """

    def __init__(
        self, depth: Depth = 18, *, width: float = 1.0, pretrained: str | None = None
    ) -> None:
        super().__init__()
        if depth not in _BLOCKS:
            raise ValueError(f"depth is one of {', '.join(map(str, _BLOCKS))}, got {depth}")
        narrow = [scaled(channels, width) for channels in (64, 128, 256, 512)]
        is_deep = depth > 18
        stem = 2 * narrow[0] if is_deep else narrow[0]
        self.conv1: nn.Module = nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        if is_deep:  # three 3x3 convolutions instead
            layers: list[nn.Module] = []
            for inputs, stride in ((3, 2), (narrow[0], 1)):
                conv = nn.Conv2d(inputs, narrow[0], 3, stride=stride, padding=1, bias=False)
                layers += [conv, nn.BatchNorm2d(narrow[0]), nn.ReLU(inplace=True)]
            self.conv1 = nn.Sequential(
                *layers, nn.Conv2d(narrow[0], stem, 3, padding=1, bias=False)
            )
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages, channels = [], stem
        for index, (middle, count) in enumerate(zip(narrow, _BLOCKS[depth], strict=True)):
            blocks = nn.Sequential()
            for block in range(count):
                stride = 2 if (index, block) == (1, 0) else 1
                first, second = _dilations(index, block)
                if is_deep:
                    blocks.append(Bottleneck(channels, middle, stride, first))
                else:
                    blocks.append(BasicBlock(channels, middle, stride, (first, second)))
                channels = 4 * middle if is_deep else middle
            stages.append(blocks)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        factor = 4 if is_deep else 1
        self.channels = (factor * narrow[1], factor * narrow[2], factor * narrow[3])
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if pretrained is not None and not is_deep:
            load_resnet18_weights(self, pretrained, width)
        elif pretrained is not None:
            state = read_checkpoint(pretrained)
            load_matching(
                self,
                {key: value for key, value in state.items() if not key.startswith("fc.")},
                f"{pretrained} is no ResNet-{depth} with three 3x3 convolutions in its stem",
                "give a file in the format of TDNet's authors, or set pretrained to null",
            )

    def second(self, image: Tensor) -> Tensor:
        """Compute the output of the second residual stage, at stride 8."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))  # (B, 64, H/4, W/4)
        second: Tensor = self.layer2(self.layer1(x))
        return second


class Bottleneck(nn.Module):
    """A dilated 3x3 convolution between two of 1x1, beside a shortcut.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the 3x3 convolution; the output has four times as many.
        stride: Of the 3x3 convolution.
        dilation: Of the 3x3 convolution.

    Shapes:
        x: (B, in_channels, H, W)   returns: (B, 4 channels, H/stride, W/stride)
    """

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(
            *(channels, channels, 3),
            stride=stride,
            padding=dilation,
            dilation=dilation,
            bias=False,
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != 4 * channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, 4 * channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve three times, and add the shortcut."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        result: Tensor = self.relu(self.bn3(self.conv3(x)) + shortcut)
        return result


def _dilations(stage: int, block: int) -> tuple[int, int]:
    """Dilations of a block: of its first 3x3 convolution, and of its second, if it has two."""
    if stage < 2:
        return 1, 1
    if stage == 2:
        return (1 if block == 0 else 2), 2
    return _MULTIGRID[block], 4
