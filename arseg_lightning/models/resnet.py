"""ResNets, plain or dilated, without their classifier."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from arseg_lightning.models.blocks import conv_bn, scaled
from arseg_lightning.models.weight_file import load_resnet_weights

__all__ = ["BasicBlock", "Depth", "Dilated", "ResNet"]

Depth = Literal[18, 50, 101]
Dilated = Literal["later_blocks", "all_but_first", "second_convs", "multigrid"]

_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_HALVED = {8: (1,), 32: (1, 2, 3), 64: (0, 1, 2, 3)}
"""Stages that halve the size, by the stride of the last one."""
_MULTIGRID = (4, 8, 16)
"""Dilations of the blocks of the last stage."""


class ResNet(nn.Module):
    """The backbone of most networks here; parameter names are torchvision's.

    Args:
        depth: Number of layers. That of 18 has a 7x7 stem, the others three 3x3 convolutions,
            unless ``plain_stem``.
        width: Factor on all channel counts.
        output_stride: 32 for the plain network; 64 where the first stage halves its size, too
            (FANet's); 8 for the dilated one, whose last two stages keep their size and spread their
            kernels instead (by 2 and by 4).
        dilated: Which convolutions of a stage are dilated in the dilated network: all but those of
            its first block (``later_blocks``: AR-Seg's for CamVid), all but the very first
            (``all_but_first``: AR-Seg's for Cityscapes), the second of each block
            (``second_convs``: ETC's), or all but the very first, in the last stage by 4, 8 and 16
            in its blocks (``multigrid``: TDNet's).
        slope: Negative slope of the stem's rectifier and of the first one of each block of two
            3x3 convolutions (FANet's: 0.01).
        plain_stem: Whether a deep network has the stem of that of 18, as torchvision's.
        pretrained: Weights to start from: see :func:`load_resnet_weights`.

    Attributes:
        channels: Channels of the outputs of the last three stages: 128, 256 and 512, at strides 8,
            16 and 32, twice these, or all at 8; four times as many with more than 18 layers.

    Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 4.1.
    """

    def __init__(
        self,
        depth: Depth = 18,
        *,
        width: float = 1.0,
        output_stride: Literal[8, 32, 64] = 32,
        dilated: Dilated = "later_blocks",
        slope: float = 0.0,
        plain_stem: bool = False,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        narrow, is_deep = [scaled(c, width) for c in (64, 128, 256, 512)], depth > 18
        has_deep_stem = is_deep and not plain_stem
        channels = 2 * narrow[0] if has_deep_stem else narrow[0]
        self.conv1 = (
            _deep_stem(narrow[0]) if has_deep_stem else nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = _rectifier(slope)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = []
        for stage, (middle, count) in enumerate(zip(narrow, _BLOCKS[depth], strict=True)):
            blocks = nn.Sequential()
            for block in range(count):
                halves = block == 0 and stage in _HALVED[output_stride]
                spread = _dilations(stage, block, dilated) if output_stride == 8 else (1, 1)
                stride = 2 if halves else 1
                if is_deep:
                    blocks.append(_Bottleneck(channels, middle, stride, spread[0]))
                else:
                    blocks.append(BasicBlock(channels, middle, stride, spread, slope))
                channels = 4 * middle if is_deep else middle
            stages.append(blocks)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        factor = 4 if is_deep else 1
        self.channels = (factor * narrow[1], factor * narrow[2], factor * narrow[3])
        # Normal, scaled by the outputs of a layer: He et al.'s rule for ReLU.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if pretrained is not None:
            load_resnet_weights(self, pretrained, width, depth, plain_stem)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the outputs of the last three stages."""
        second = self.second(image)
        third = self.layer3(second)
        return second, third, self.layer4(third)

    def stem(self, image: Tensor) -> Tensor:
        """Compute the input of the residual stages, (B, 64, H/4, W/4)."""
        # conv1 halves the image, maxpool halves it again
        x: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        return x

    def second(self, image: Tensor) -> Tensor:
        """Compute the output of the second residual stage, (B, 128, H/8, W/8)."""
        x: Tensor = self.layer2(self.layer1(self.stem(image)))
        return x


def _deep_stem(narrow: int) -> nn.Sequential:
    """Three 3x3 convolutions, with the batch norm after the last one left to the caller."""
    layers: list[nn.Module] = []
    for inputs, stride in ((3, 2), (narrow, 1)):
        conv = _conv3(inputs, narrow, stride)
        layers += [conv, nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, _conv3(narrow, 2 * narrow))


def _conv3(in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size (at stride 1)."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, dilation, dilation, bias=False)


def _rectifier(slope: float) -> nn.Module:
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


def _dilations(stage: int, block: int, dilated: Dilated) -> tuple[int, int]:
    """Dilations of a block: of its first 3x3 convolution, and of its second, if it has two.

    A stage that keeps its size spreads its kernels by the strides that were left out.
    """
    spread = (1, 1, 2, 4)[stage]
    if stage == 3 and dilated == "multigrid":
        return _MULTIGRID[block], spread
    if block == 0:
        return 1, 1 if dilated == "later_blocks" else spread
    return 1 if dilated == "second_convs" else spread, spread


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        dilations: tuple[int, int] = (1, 1),
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        first, second = dilations
        self.conv1 = _conv3(in_channels, out_channels, stride, first)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu1 = _rectifier(slope)
        self.conv2 = _conv3(out_channels, out_channels, 1, second)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve twice, and add the input."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu1(self.bn1(self.conv1(x)))  # (B, out_channels, H/stride, W/stride)
        result: Tensor = self.relu(self.bn2(self.conv2(x)) + shortcut)
        return result


class _Bottleneck(nn.Module):
    """A dilated 3x3 convolution between two of 1x1, beside a shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv3(channels, channels, stride, dilation)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, 4 * channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))  # (B, channels, H, W)
        x = self.relu(self.bn2(self.conv2(x)))  # (B, channels, H/stride, W/stride)
        result: Tensor = self.relu(self.bn3(self.conv3(x)) + shortcut)
        return result


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """What brings a block's input to the shape of its output; None if it has that already."""
    if stride == 1 and in_channels == out_channels:
        return None
    return conv_bn(in_channels, out_channels, stride)
