"""Folding of batch norms into the convolutions before them, in any network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from arseg_lightning.models.blocks import AnyBatchNorm
from arseg_lightning.models.segmentor import Segmentor

__all__ = ["fold_batch_norms"]

_TOLERANCE = 1e-3


@torch.no_grad()
def fold_batch_norms(network: Segmentor) -> None:
    """Fold each batch norm into the convolution whose output it reads, in place.

    The pairs are found in a run on a small image, so that this works for any network. Where it
    would change the output (one that uses a convolution's output without its batch norm too, or a
    convolution that ignores its bias), the network is left as it is.

    Args:
        network: A network in eval mode.
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
