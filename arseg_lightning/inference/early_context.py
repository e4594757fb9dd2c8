"""PSPNet18's context, mixed before the pyramid's levels are upsampled."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.pspnet import PyramidContext

__all__ = ["EarlyContext"]


class EarlyContext(nn.Module):
    """:class:`PyramidContext` with its 1x1 convolution before the upsampling: the same output.

    A 1x1 convolution and a bilinear upsampling may be exchanged, because both are linear and
    the weights of the latter add up to one. So each level of the pyramid is mixed on its grid of
    at most 6x6 pixels, where its own 1x1 convolution and its part of the bottleneck are one.

    Args:
        context: The module that is replaced.

    Shapes:
        deep: (B, C, h, w)   returns: (B, C', h, w)
    """

    @torch.no_grad()
    def __init__(self, context: PyramidContext) -> None:
        super().__init__()
        pools, inner = zip(*(level.children() for level in context.pyramid.levels), strict=True)
        # (C', 5 C) -> five of (C', C): one for each level, the last for the map itself
        parts = context.bottleneck.weight.flatten(1).chunk(len(inner) + 1, dim=1)
        self.align_corners = context.pyramid.align_corners
        self.pools = nn.ModuleList(pools)
        self.levels = nn.ModuleList(
            _conv1x1(part @ conv.weight.flatten(1))
            for part, conv in zip(parts[:-1], inner, strict=True)
        )
        self.itself = _conv1x1(parts[-1], context.bottleneck.bias)

    def forward(self, deep: Tensor) -> Tensor:
        """Pool, mix and upsample."""
        mixed: Tensor = self.itself(deep)  # (B, C', h, w)
        size = deep.shape[-2:]
        for pool, level in zip(self.pools, self.levels, strict=True):
            mixed = mixed + F.interpolate(
                level(pool(deep)), size=size, mode="bilinear", align_corners=self.align_corners
            )
        return mixed


def _conv1x1(weight: Tensor, bias: Tensor | None = None) -> nn.Conv2d:
    """A 1x1 convolution with the given weights, (out, in)."""
    conv = nn.Conv2d(
        weight.shape[1], weight.shape[0], 1, bias=bias is not None, device=weight.device
    )
    conv.weight.copy_(weight[:, :, None, None])
    if conv.bias is not None and bias is not None:
        conv.bias.copy_(bias)
    return conv
