"""A 3x3 convolution after a twofold upsampling, for a quarter of its multiplications."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from arseg_lightning.models.blocks import AnyBatchNorm, NearestUpsampleConv, UpsampleConv
from arseg_lightning.native import load, tensor_pointer

__all__ = ["FactoredUpsampleConv"]

_LANES = 16
_BAND_BYTES = 2 << 20
"""Bytes of the nine products that are in memory at once, unless the weights are more: most of them
are still in a core's cache when they are read."""


class FactoredUpsampleConv(nn.Module):
    """An upsampling with a convolution, whose products are computed on the small map.

    A 3x3 convolution is a sum of nine displaced 1x1 convolutions. Those are linear, as the
    upsampling is, and may be exchanged with it: nine 1x1 convolutions on the small map, then
    upsample, displace and add up the nine results. The large map has four times as many pixels, so
    a quarter of the multiplications is left. The second half is a kernel in C, in bands of rows
    that stay in the cache.

    Args:
        stage: The module that is replaced, in eval mode; one that :meth:`fits`.

    Shapes:
        x: (B, C, h, w)   returns: (B, C', 2h, 2w)

    Source: our own; the exchange is exact, also at the borders.
    """

    taps: Tensor
    bias: Tensor

    def __init__(self, stage: UpsampleConv | NearestUpsampleConv) -> None:
        super().__init__()
        conv, self.slope, self.nearest = _parts(stage)
        self.in_channels, self.out_channels = conv.in_channels, conv.out_channels
        taps = conv.weight.detach().permute(1, 2, 3, 0).reshape(self.in_channels, -1)  # (C, 9 C')
        bias = torch.zeros(()) if conv.bias is None else conv.bias.detach()
        self.register_buffer("taps", taps.contiguous())
        self.register_buffer("bias", bias.expand(self.out_channels).contiguous())

    @staticmethod
    def fits(stage: UpsampleConv | NearestUpsampleConv) -> bool:
        """Whether the kernel can take a stage: whole vectors of channels."""
        return _parts(stage)[0].out_channels % _LANES == 0

    def forward(self, x: Tensor) -> Tensor:
        """Convolve on the small map and upsample."""
        batch, _, height, width = x.shape
        out = x.new_empty(batch, 2 * height, 2 * width, self.out_channels)
        if x.device.type not in ("cpu", "meta"):  # meta: its cost is counted
            raise RuntimeError(
                f"these networks were optimised for the CPU, got an image on {x.device}; move the "
                f"method there first, then call for_inference"
            )
        if x.device.type == "cpu":
            for one, large in zip(x.permute(0, 2, 3, 1).contiguous(), out, strict=True):
                self._upsample(one, large)
        return out.permute(0, 3, 1, 2)

    def macs(self, x: Tensor, output: Tensor) -> int:
        """Multiply-accumulates: nine products on the small map, and 15 to add them up.

        Six for each row of three columns of taps, at half the width, and six across.
        """
        return output.numel() * (9 * self.in_channels // 4 + 15)

    def _upsample(self, x: Tensor, out: Tensor) -> None:
        """Go down one image in bands of rows: (h, w, C) -> (2h, 2w, C')."""
        height, width, _ = x.shape
        row_bytes = width * self.taps.shape[1] * x.element_size()
        # Every band reads all weights again.
        band_bytes = max(_BAND_BYTES, 2 * self.taps.nbytes)
        rows = min(max(band_bytes // row_bytes, 4), height)
        products = x.new_empty(rows + 2, width, self.taps.shape[1])
        threads = torch.get_num_threads()
        kernels = load("upsample_conv")
        assert kernels is not None  # Optimisations.may_use has seen to it
        sums = torch.empty(threads, 3 * width * self.out_channels)
        bias = self.bias.float()
        first = ready = 0  # rows of the products in memory: [first, ready)
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            if top:  # the last rows are needed again
                products[: ready - top + 1] = products[top - 1 - first : ready - first].clone()
                first = top - 1
            new = x[ready : min(bottom + 1, height)]
            target = products[ready - first : ready - first + len(new)]
            torch.mm(new.flatten(0, 1), self.taps, out=target.view(-1, self.taps.shape[1]))
            ready += len(new)
            kernels.combine_taps(
                *(tensor_pointer(products), first, top, bottom, height, width),
                *(self.out_channels, tensor_pointer(bias), ctypes.c_float(self.slope)),
                *(tensor_pointer(sums), tensor_pointer(out), int(self.nearest)),
                *(int(x.dtype == torch.bfloat16), threads),
            )


def _parts(stage: UpsampleConv | NearestUpsampleConv) -> tuple[nn.Conv2d, float, bool]:
    """The convolution with its batch norm folded, the slope below zero, whether it is nearest."""
    if isinstance(stage, NearestUpsampleConv):
        conv, norm, slope, nearest = stage.conv, stage.bn, 0.0, True
    else:
        conv, norm, rectifier = cast(Iterable[Any], stage)
        slope = 0.0 if rectifier.weight.is_meta else float(rectifier.weight)
        nearest = False
    # The batch norm may have been folded already, and is an identity then.
    folded = fuse_conv_bn_eval(conv, norm) if isinstance(norm, AnyBatchNorm) else conv
    return folded, slope, nearest
