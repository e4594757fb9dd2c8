"""Layers exchanged or folded, in any network: the same output for fewer multiplications."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from arseg_lightning.models.blocks import AnyBatchNorm, on_whole_map, resized
from arseg_lightning.models.pspnet import PyramidContext
from arseg_lightning.models.segmentor import Segmentor

__all__ = ["EarlyContext", "fold_batch_norms"]

_TOLERANCE = 1e-3


@torch.no_grad()
def fold_batch_norms(network: Segmentor) -> None:
    """Fold each batch norm into the convolution whose output it reads, in place.

    The pairs are found in a run on a small image, so that this works for any network. Where it
    would change the output (one that uses a convolution's output without its batch norm too, or a
    convolution that ignores its bias), the network, in eval mode, is left as it is.
    """
    first = next(network.parameters())
    example = torch.linspace(-1, 1, 3 * 64 * 96).reshape(1, 3, 64, 96)
    example = example.to(first.device, first.dtype)
    before = network.features(example)
    names = {module: name for name, module in network.named_modules()}
    pairs = _pairs(network, example)
    for conv, norm in pairs:
        network.set_submodule(names[conv], fuse_conv_bn_eval(conv, norm))
        network.set_submodule(names[norm], nn.Identity())
    after = network.features(example)
    allowed = _TOLERANCE * before.abs().max().clamp(min=1)
    # On the meta device, where costs are counted, there are no values to compare.
    if first.is_meta or (after - before).abs().max() <= allowed:
        return
    for part in (part for pair in pairs for part in pair):
        network.set_submodule(names[part], part)


def _pairs(network: Segmentor, example: Tensor) -> list[tuple[nn.Conv2d, AnyBatchNorm]]:
    """Convolutions and the batch norms that follow them, each of which runs once."""
    outputs: list[tuple[Tensor, nn.Conv2d]] = []  # keeps the tensors: an address may come again
    pairs: list[tuple[nn.Conv2d, AnyBatchNorm]] = []

    def listen(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            outputs.append((output, module))
        elif isinstance(module, AnyBatchNorm):
            pairs.extend((conv, module) for read, conv in outputs if read is args[0])

    kinds = (nn.Conv2d, AnyBatchNorm)
    handles = [m.register_forward_hook(listen) for m in network.modules() if isinstance(m, kinds)]
    try:
        network.features(example)
    finally:
        for handle in handles:
            handle.remove()
    runs = [conv for _, conv in outputs] + [norm for _, norm in pairs]
    return [pair for pair in pairs if all(runs.count(module) == 1 for module in pair)]


class EarlyContext(nn.Module):
    """:class:`PyramidContext` with its 1x1 convolution before the upsampling: the same output.

    A 1x1 convolution and a bilinear upsampling may be exchanged, because both are linear and
    the weights of the latter add up to one. So each level of the pyramid is mixed on its grid of
    at most 6x6 pixels, where its own 1x1 convolution and its part of the bottleneck are one.

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
        for level in on_whole_map(self._resized_levels, deep):
            mixed = mixed + level
        return mixed

    def _resized_levels(self, deep: Tensor) -> list[Tensor]:
        levels = zip(self.pools, self.levels, strict=True)
        return [resized(level(pool(deep)), deep, self.align_corners) for pool, level in levels]


def _conv1x1(weight: Tensor, bias: Tensor | None = None) -> nn.Conv2d:
    """A 1x1 convolution with the given weights, (out, in)."""
    conv = nn.Conv2d(
        weight.shape[1], weight.shape[0], 1, bias=bias is not None, device=weight.device
    )
    conv.weight.copy_(weight[:, :, None, None])
    if conv.bias is not None and bias is not None:
        conv.bias.copy_(bias)
    return conv
