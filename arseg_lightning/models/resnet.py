"""ResNet-18, plain or dilated, without its classifier."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from arseg_lightning.models.blocks import scaled
from arseg_lightning.models.pretrained import load_resnet18_weights

__all__ = ["BasicBlock", "Dilated", "ResNet18"]

Dilated = Literal["later_blocks", "all_but_first", "second_convs"]


class ResNet18(nn.Module):
    """The backbone of all the networks here; parameter names are torchvision's.

    Args:
        width: Factor on all channel counts.
        output_stride: 32 for the plain network; 8 for the dilated one, whose last two stages keep
            their size and spread their kernels instead (by 2 and by 4).
        dilated: Which convolutions of a stage are dilated in the dilated network: all but those of
            its first block (``later_blocks``: AR-Seg's for CamVid), all but the very first
            (``all_but_first``: AR-Seg's for Cityscapes), or the second of each block
            (``second_convs``: ETC's).
        pretrained: Weights to start from: see :func:`load_resnet18_weights`.

    Attributes:
        channels: Channels of the three outputs.

    Shapes:
        image: (B, 3, H, W)   returns: outputs of the last three stages, (B, 128, H/8, W/8),
        (B, 256, H/16, W/16) and (B, 512, H/32, W/32) when plain; all at H/8 when dilated

    Raises:
        ValueError: If pretrained weights are asked for at another width than 1.

    Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 4.1.
    """

    def __init__(
        self,
        *,
        width: float = 1.0,
        output_stride: Literal[8, 32] = 32,
        dilated: Dilated = "later_blocks",
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        if output_stride not in (8, 32):
            raise ValueError(f"output_stride is 8 (dilated) or 32 (plain), got {output_stride}")
        stem, second, third, fourth = (scaled(c, width) for c in (64, 128, 256, 512))
        self.channels = (second, third, fourth)
        self.conv1 = nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        # A stage that keeps its size spreads its kernels by the strides that were left out.
        late = 2 if output_stride == 32 else 1
        self.layer1 = _stage(stem, stem, 1)
        self.layer2 = _stage(stem, second, 2)
        self.layer3 = _stage(second, third, late, 2 // late, dilated)
        self.layer4 = _stage(third, fourth, late, 4 // late**2, dilated)
        # Normal, scaled by the outputs of a layer: He et al.'s rule for ReLU.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if pretrained is not None:
            load_resnet18_weights(self, pretrained, width)

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


def _stage(
    in_channels: int,
    out_channels: int,
    stride: int,
    dilation: int = 1,
    dilated: Dilated = "later_blocks",
) -> nn.Sequential:
    first = (1, 1 if dilated == "later_blocks" else dilation)
    second = (1 if dilated == "second_convs" else dilation, dilation)
    return nn.Sequential(
        BasicBlock(in_channels, out_channels, stride, first),
        BasicBlock(out_channels, out_channels, 1, second),
    )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Step of the first convolution, and of the shortcut.
        dilations: Of the first and of the second convolution.

    Shapes:
        x: (B, in_channels, H, W)   returns: (B, out_channels, H/stride, W/stride)
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, dilations: tuple[int, int]
    ) -> None:
        super().__init__()
        first, second = dilations
        self.conv1 = nn.Conv2d(
            *(in_channels, out_channels, 3),
            stride=stride,
            padding=first,
            dilation=first,
            bias=False,
        )
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(
            out_channels, out_channels, 3, padding=second, dilation=second, bias=False
        )
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve twice, and add the shortcut."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        result: Tensor = self.relu(self.bn2(self.conv2(x)) + shortcut)
        return result
