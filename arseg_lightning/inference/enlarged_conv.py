"""A 3x3 convolution behind a twofold enlargement, for a quarter of its multiplications."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from arseg_lightning.models.pspnet import EnlargedConv
from arseg_lightning.native import load

__all__ = ["FactoredEnlargedConv"]

_LANES = 16
_BAND_BYTES = 16 << 20
"""Of the nine products, so much is in memory at once: what a shared cache holds."""


class FactoredEnlargedConv(nn.Module):
    """What :class:`EnlargedConv` computes in eval mode, with the products taken on the small map.

    A 3x3 convolution is a sum of nine displaced 1x1 convolutions. Those are linear, as the
    enlargement is, and may be exchanged with it: nine 1x1 convolutions on the small map, then
    enlarge, displace and add up the nine results. Two enlargements in four have the same
    neighbours, so a quarter of the multiplications is left. The second half is a kernel in C, in
    bands of rows that stay in the cache.

    Args:
        stage: What is replaced.

    Raises:
        ValueError: If the kernel cannot take it: see :meth:`fits`.

    Shapes:
        x: (B, C, h, w)   returns: (B, C', 2h, 2w)

    Source: our own; the exchange is exact, also at the borders.
    """

    def __init__(self, stage: EnlargedConv) -> None:
        super().__init__()
        if load("enlarged_conv") is None or not self.fits(stage):
            raise ValueError(
                "the factored enlargement needs a C compiler and channels in multiples of "
                f"{_LANES}; set factored_enlargement to false"
            )
        conv, norm, rectifier = stage
        if isinstance(norm, nn.BatchNorm2d):
            conv = fuse_conv_bn_eval(conv, norm)
        self.in_channels, self.out_channels = conv.in_channels, conv.out_channels
        taps = conv.weight.detach().permute(1, 2, 3, 0).reshape(self.in_channels, -1)
        self.register_buffer("taps", taps.contiguous())
        self.register_buffer("bias", conv.bias.detach().clone())
        self.register_buffer("slope", rectifier.weight.detach().clone())

    @staticmethod
    def fits(stage: EnlargedConv) -> bool:
        """Whether the kernel can take a stage: whole vectors of channels, one slope for all."""
        conv, _, rectifier = stage
        one_slope = isinstance(rectifier, nn.PReLU) and rectifier.num_parameters == 1
        return one_slope and conv.out_channels % _LANES == 0

    def forward(self, x: Tensor) -> Tensor:
        """Convolve on the small map and enlarge."""
        batch, _, height, width = x.shape
        out = x.new_empty(batch, 2 * height, 2 * width, self.out_channels)
        if x.device.type == "cpu":
            for one, large in zip(x.permute(0, 2, 3, 1).contiguous(), out, strict=True):
                self._enlarge(one, large)
        return out.permute(0, 3, 1, 2)

    def macs(self, x: Tensor, output: Tensor) -> int:
        """Multiply-accumulates: nine products on the small map, and 15 to add them up.

        Six for each row of three columns of taps, at half the width, and six across.
        """
        return output.numel() * (9 * self.in_channels // 4 + 15)

    def _enlarge(self, x: Tensor, out: Tensor) -> None:
        """Go down one picture in bands of rows: (h, w, C) -> (2h, 2w, C')."""
        height, width, _ = x.shape
        row_bytes = width * self.taps.shape[1] * x.element_size()
        rows = min(max(_BAND_BYTES // row_bytes, 4), height)
        products = x.new_empty(rows + 2, width, self.taps.shape[1])
        threads = torch.get_num_threads()
        kernels = load("enlarged_conv")
        assert kernels is not None  # the constructor has seen to it
        sums = torch.empty(threads, 3 * width * self.out_channels)
        bias, slope = self.bias.float(), float(self.slope)
        first = ready = 0  # rows of the products that are there: [first, ready)
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
                *(_address(products), first, top, bottom, height, width, self.out_channels),
                *(_address(bias), ctypes.c_float(slope), _address(sums), _address(out)),
                *(int(x.dtype == torch.bfloat16), threads),
            )


def _address(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())
