"""FlowNetS, as Deep Feature Flow uses it: on halved images, for features at stride 16."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.models.blocks import scaled
from arseg_lightning.propagation.flow.flow_network import FlowNetwork, load_flow_weights

__all__ = ["FlowNetS"]

_FLOW_UNIT = 20.0
"""Pixels of the network's input that an output of 1 stands for, as in the published weights."""

_MEAN = (0.411, 0.432, 0.45)
"""Of the images that the published weights expect, RGB in [0, 1]."""


class FlowNetS(FlowNetwork):
    """A stack of convolutions on both images, refined from coarse to fine.

    Both images are halved first; the motion has a sixteenth of their sides. Its last convolution
    starts at zero, so that training starts with no motion.

    Args:
        width: Factor on all channel counts, for quick experiments.
        weights: File to start from: a flow network of a training, or a published FlowNetS of
            PyTorch (``conv1.0.weight``, …), without batch norms.
        normalise: How the images that it is given were normalised.

    Source: Dosovitskiy et al., FlowNet, ICCV 2015; Zhu et al., Deep Feature Flow, CVPR 2017, for
        the scales: the last convolution sees features at half their published size.
    """

    stride = 16
    published_names: ClassVar[dict[str, str]] = {
        **{f"conv{n}.": f"down.{n - 1}." for n in range(1, 7)},
        **{f"conv{n}_1.": f"again.{n - 3}." for n in range(3, 7)},
        **{f"predict_flow{n}.": f"flow.{6 - n}." for n in range(3, 7)},
        **{f"deconv{n - 1}.0.": f"up.{6 - n}." for n in range(3, 7)},
        **{f"upsampled_flow{n}_to_{n - 1}.": f"up_flow.{6 - n}." for n in range(3, 7)},
        "predict_flow2.": "last.",
    }
    without_bias = ("flow.", "up.", "up_flow.", "last.")

    def __init__(
        self,
        width: float = 1.0,
        weights: str | None = None,
        normalise: Normalisation | None = None,
    ) -> None:
        super().__init__()
        self.normalise = normalise or Normalisation()
        channels = [scaled(each, width) for each in (64, 128, 256, 512, 512, 1024)]
        narrower = [scaled(each, width) for each in (512, 256, 128, 64)]
        kernels = (7, 5, 5, 3, 3, 3)
        inputs = (6, *channels[:-1])
        self.down = nn.ModuleList(
            _conv(before, after, kernel, 2)
            for before, after, kernel in zip(inputs, channels, kernels, strict=True)
        )
        # Each scale but the first two is looked at once more.
        self.again = nn.ModuleList(_conv(each, each, 3, 1) for each in channels[2:])
        self.up, self.flow, self.up_flow = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        before = channels[-1]
        for skip, after in zip(channels[-2:0:-1], narrower, strict=True):
            self.flow.append(nn.Conv2d(before, 2, 3, padding=1))
            self.up.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1))
            self.up_flow.append(nn.ConvTranspose2d(2, 2, 4, stride=2, padding=1))
            before = skip + after + 2
        self.last = nn.Conv2d(before, 2, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, a=0.1)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.last.weight)
        if weights is not None:
            load_flow_weights(self, weights)

    def forward(self, image: Tensor, reference: Tensor) -> Tensor:
        """Estimate backward motion at a sixteenth of the images' sides."""
        mean = image.new_tensor(_MEAN)[:, None, None]  # (3, 1, 1)
        pixels = (self.normalise.undo(each) / 255 - mean for each in (image, reference))
        x = torch.cat([*pixels], dim=1)  # (B, 6, H, W)
        x = F.avg_pool2d(x, 2, ceil_mode=True)
        scales = []
        for index, down in enumerate(self.down):
            x = down(x)
            if index >= 2:
                x = self.again[index - 2](x)
            scales.append(x)
        for up, flow, up_flow, skip in zip(
            self.up, self.flow, self.up_flow, scales[-2:0:-1], strict=True
        ):
            size = skip.shape[-2:]
            finer = F.leaky_relu(up(x), 0.1)[..., : size[0], : size[1]]
            x = torch.cat([skip, finer, up_flow(flow(x))[..., : size[0], : size[1]]], dim=1)
        x = F.avg_pool2d(x, 2, ceil_mode=True)  # from an eighth of the images' sides
        found: Tensor = self.last(x)
        return found * (_FLOW_UNIT * 2 / self.stride)


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2)
    return nn.Sequential(conv, nn.LeakyReLU(0.1, inplace=True))
