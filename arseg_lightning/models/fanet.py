"""FANet with a ResNet-18: features of four strides, gathered by attentions without a softmax."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import ConvBNReLU, resized, scaled
from arseg_lightning.models.resnet import ResNet
from arseg_lightning.models.segmentor import SideOutputs, StagedSegmentor

__all__ = ["LEAKY_SLOPE", "FANet18"]

LEAKY_SLOPE = 0.01


class FANet18(StagedSegmentor):
    """FANet: a ResNet-18 down to stride 64, and a fast attention at each of its four strides.

    Its feature has 256 channels at stride 8. One auxiliary head scores the map at stride
    32 in training.

    Args:
        num_classes: Number of classes K.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: see :class:`BiSeNet18`. The shortcut of its first stage,
            which no other ResNet-18 has, starts at random.

    Attributes:
        parts: Channels of the stage ``pyramid``, which paths of TDNet read.

    Source: Hu et al., Real-time Semantic Segmentation with Fast Attention, RA-L 2020; details by
        the names and shapes of TD2-FA18's weights (Hu et al., Temporally Distributed Networks for
        Fast Video Semantic Segmentation, CVPR 2020).
    Differs: layers that nothing reads are left out.
    """

    feature_stride = 8
    feature_needs = ("shallow", "middle")

    def __init__(
        self, num_classes: int, *, width: float = 1.0, pretrained: str | None = None
    ) -> None:
        super().__init__()
        self.backbone = ResNet(width=width, output_stride=64, slope=LEAKY_SLOPE)
        if pretrained is not None:
            plain = ResNet(width=width, pretrained=pretrained)
            self.backbone.load_state_dict(plain.state_dict(), strict=False)
        first, (second, third, fourth) = scaled(64, width), self.backbone.channels
        keys, smooth = scaled(32, width), scaled(128, width)
        self.parts = (2 * smooth,)
        self.stages = {"shallow": first, "middle": second, "pyramid": 2 * smooth}
        self.levels = nn.ModuleList(  # from the coarsest to the finest
            [
                _Level(fourth, keys, up=third),
                _Level(third, keys, up=second, smooth=smooth),
                _Level(second, keys, up=first),
                _Level(first, keys, smooth=smooth),
            ]
        )
        self.feature_channels = scaled(256, width)
        self.head = _Conv(2 * smooth, self.feature_channels, 3)
        self.classifier = nn.Conv2d(self.feature_channels, num_classes, 1, bias=False)
        narrow = scaled(64, width)
        self.auxiliary = nn.Sequential(
            _Conv(smooth, narrow, 3), nn.Conv2d(narrow, num_classes, 1, bias=False)
        )

    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a stage: two of the backbone, the rest of it and the attention, or the head."""
        if stage == "shallow":  # (B, 64, H/8, W/8)
            return self.backbone.layer1(self.backbone.stem(values["image"])), SideOutputs()
        if stage == "middle":  # (B, 128, H/16, W/16)
            return self.backbone.layer2(values["shallow"]), SideOutputs()
        if stage == "feature":  # (B, 256, H/8, W/8)
            return self.head(values["pyramid"]), SideOutputs()
        third = self.backbone.layer3(values["middle"])  # (B, 256, H/32, W/32)
        maps = (self.backbone.layer4(third), third, values["middle"], values["shallow"])
        coarser, smooth = None, []
        for level, x in zip(self.levels, maps, strict=True):
            coarser, smoothed = level(x, coarser)
            smooth.append(smoothed)
        _, coarse, _, fine = smooth  # (B, 128, H/32, W/32), (B, 128, H/8, W/8)
        dense = (self.auxiliary(coarse),) if with_side else ()
        # (B, 2 * 128, H/8, W/8)
        return torch.cat([resized(coarse, fine), fine], dim=1), SideOutputs(dense=dense)


class _Level(nn.Module):
    """Fast attention over a map, and what is made of it for finer levels and for the head."""

    def __init__(
        self, channels: int, keys: int, *, up: int | None = None, smooth: int | None = None
    ) -> None:
        super().__init__()
        self.query = _Conv(channels, keys, slope=1.0)
        self.key = _Conv(channels, keys, slope=1.0)
        self.value = _Conv(channels, channels)
        self.mix = _Conv(channels, channels)
        self.up = None if up is None else _Conv(channels, up)
        self.smooth = None if smooth is None else _Conv(channels, smooth, 3)

    def forward(self, x: Tensor, coarser: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Attend, add the coarser level; what is for the finer level, and what is for the head."""
        x = self._attend(x) + x  # (B, C, h, w)
        if coarser is not None:
            x = x + resized(coarser, x)
        # The published 1x1 convolution is padded: its map grows by a frame, (B, C/2, h + 2, w + 2).
        up = None if self.up is None else self.up(F.pad(x, (1, 1, 1, 1)))
        return up, None if self.smooth is None else self.smooth(x)

    def _attend(self, x: Tensor) -> Tensor:
        """Gather the values of all positions, by cosines of a position's query and their keys."""
        query = F.normalize(self.query(x).flatten(2), dim=1)  # (B, 32, hw)
        key = F.normalize(self.key(x).flatten(2), dim=1)
        value = self.value(x).flatten(2)  # (B, C, hw)
        # Keys meet values first, so that the work grows with hw and not with its square. Values are
        # transposed, not keys: the gradient of what is transposed has its channels last, and the
        # batch norm behind the keys misreads that of a single image (torch 2.13, on a CPU). The
        # values' rectifier restores the layout before it reaches their norm.
        gathered = (key @ value.mT).mT @ query  # (B, C, 32) @ (B, 32, hw)
        mixed: Tensor = self.mix(gathered.unflatten(2, x.shape[-2:]))
        return mixed


class _Conv(ConvBNReLU):
    """A convolution, batch norm, and a leaky ReLU; a slope of 1 is none."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 1, slope: float = LEAKY_SLOPE
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise, rectify."""
        x = self.bn(self.conv(x))
        return x if self.slope == 1 else F.leaky_relu(x, self.slope, inplace=True)
