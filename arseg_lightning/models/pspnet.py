"""PSPNet-18 as AR-Seg uses it: with a decoder to full resolution, cut earlier, at stride 8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import ConvBNReLU, PyramidPooling, UpsampleConv, scaled
from arseg_lightning.models.resnet import ResNet18
from arseg_lightning.models.segmentor import Segmentor, SideOutputs

__all__ = ["Cut", "PSPNet18", "PSPNet18EarlyCut", "PSPNet18Stride8", "PyramidContext"]

Cut = Literal["task", "features"]


class PSPNet18(Segmentor):
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
        """Build the layers; all but the backbone start as PyTorch starts them."""
        super().__init__()
        self.backbone = ResNet18(width=width, output_stride=8, pretrained=pretrained)
        shallow, side_channels, deep = self.backbone.channels
        self.stages = {"shallow": shallow, "middle": side_channels}
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

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the full-resolution feature, and the presence logits when asked to."""
        return self.run_all(image, with_side)

    def run(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool = False
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a stage: two of the backbone, then all that follows them."""
        if stage == "shallow":
            return self.backbone.second(values["image"]), SideOutputs()
        if stage == "middle":
            third = self.backbone.layer3(values["shallow"])
            return third, self.side(third, with_side)
        if stage == "feature":
            return self.decode(self.backbone.layer4(values["middle"])), SideOutputs()
        return super().run(stage, values, with_side)

    def decode(self, deep: Tensor) -> Tensor:
        """Pool the backbone's last output over a pyramid and bring it to full resolution.

        Shapes:
            deep: (B, 512, h, w)   returns: (B, C, 8h, 8w)
        """
        x: Tensor = self.pyramid_dropout(F.relu(self.context(deep)))
        for doubling in self.decoder:
            x = self.decoder_dropout(doubling(x))
        return x

    def side(self, third: Tensor, wanted: bool) -> SideOutputs:
        """Tell from the backbone's third stage which classes occur, if that is wanted."""
        return SideOutputs(presence=self.presence(third.amax((2, 3))) if wanted else None)


class PSPNet18EarlyCut(PSPNet18):
    """PSPNet18 that propagates an earlier feature.

    What is after the cut runs on the fused feature, thus at the keyframe's resolution, and costs
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
        """Build the layers of the whole network."""
        super().__init__(num_classes, width=width, pretrained=pretrained)
        self.cut = cut

    @property
    def cut_channels(self) -> int:
        """Channels of the propagated feature."""
        if self.cut == "task":
            return self.backbone.channels[-1]
        return self.backbone.conv1.out_channels

    def before_cut(self, image: Tensor, with_side: bool = False) -> tuple[Tensor, SideOutputs]:
        """Compute the propagated feature, and the presence logits if they come before the cut."""
        stem = self.backbone.stem(image)
        if self.cut == "features":
            return stem, SideOutputs()
        _, third, fourth = self.backbone.stages(stem)
        return fourth, self.side(third, with_side)

    def after_cut(self, propagated: Tensor, with_side: bool = False) -> tuple[Tensor, SideOutputs]:
        """Finish the feature, and the presence logits if they come after the cut."""
        if self.cut == "task":
            return self.decode(propagated), SideOutputs()
        _, third, fourth = self.backbone.stages(propagated)
        return self.decode(fourth), self.side(third, with_side)


class PSPNet18Stride8(Segmentor):
    """PSPNet with a dilated ResNet-18 and no decoder: its feature has 512 channels at stride 8.

    The network of the paper's Cityscapes experiments. An auxiliary head scores the third stage
    in training.

    Args:
        num_classes: Number of classes K.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: a ResNet-18 file in torchvision's format, or
            ``imagenet`` to download torchvision's; random if None.

    Raises:
        ValueError: If a training batch has a single image.

    Source: Hu et al., CVPR 2023, section 4.1, by the published weights' names and shapes; the
        network is that of Zhao et al., CVPR 2017.
    """

    feature_stride = 8

    def __init__(
        self, num_classes: int, *, width: float = 1.0, pretrained: str | None = None
    ) -> None:
        """Build the layers; all but the backbone start as PyTorch starts them."""
        super().__init__()
        self.backbone = ResNet18(
            width=width, output_stride=8, dilate_first_block=True, pretrained=pretrained
        )
        _, side_channels, deep = self.backbone.channels
        level = scaled(128, width)
        self.pyramid = PyramidPooling(deep, level, normalise=True, align_corners=True)
        self.head = ConvBNReLU(deep + 4 * level, deep)
        self.dropout = nn.Dropout2d(0.1)
        self.feature_channels = deep
        self.classifier = nn.Conv2d(deep, num_classes, 1)
        self.auxiliary = nn.Sequential(
            ConvBNReLU(side_channels, side_channels),
            nn.Dropout2d(0.1),
            nn.Conv2d(side_channels, num_classes, 1),
        )

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the stride-8 feature, and the auxiliary logits when asked to."""
        _, third, fourth = self.backbone(image)
        feature = self.dropout(self.head(torch.cat([fourth, *self.pyramid(fourth)], dim=1)))
        return feature, SideOutputs(dense=(self.auxiliary(third),) if with_side else ())


class PyramidContext(nn.Module):
    """A map and its averages over a pyramid of grids, mixed by a 1x1 convolution.

    Args:
        in_channels: Channels of the map.
        out_channels: Channels of the mixture.

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
        mixed: Tensor = self.bottleneck(torch.cat([*self.pyramid(deep), deep], dim=1))
        return mixed
