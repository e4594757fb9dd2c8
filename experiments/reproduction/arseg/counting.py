"""The paper's MAC convention, so that its published figures can be reproduced.

Its "GFLOPs" are multiply-accumulates as a profiling tool counted them: with biases, norms, adaptive
pooling and upsampling modules, and with layers that are registered under two names counted again
under each. The rules below are applied to our modules; only how often the published networks
counted a part of themselves is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from arseg_lightning.cost.counting import measure, on_meta
from arseg_lightning.models.bisenet import BiSeNet18
from arseg_lightning.models.blocks import AnyBatchNorm
from arseg_lightning.models.pspnet import PSPNet18, PSPNet18EarlyCut, PSPNet18Stride8
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.propagation.fusion import Fusion

__all__ = ["paper_macs", "paper_nonkey_macs", "paper_segmentor_macs"]

SegmentorT = TypeVar("SegmentorT", bound=Segmentor)
ResultT = TypeVar("ResultT")

_UPSAMPLING_PER_ELEMENT = 11
_NORM_PER_ELEMENT = 2


@dataclass(frozen=True, slots=True)
class _Registration:
    """How a published network presented itself to the profiling tool."""

    side_heads: bool  # whether its training-only heads ran
    repeats: Mapping[str, int] = field(default_factory=dict)  # times that a submodule counted
    upsampling_repeats: int = 0  # times that bringing the scores to full size counted


# A module with two names is listened to twice, and each time adds to the sums of both: four times.
_REGISTRATIONS: Mapping[type[Segmentor], _Registration] = {
    PSPNet18: _Registration(side_heads=True),
    PSPNet18EarlyCut: _Registration(side_heads=True),
    PSPNet18Stride8: _Registration(side_heads=True, repeats={"classifier": 4}),
    BiSeNet18: _Registration(
        side_heads=False, repeats={"head": 4, "classifier": 4}, upsampling_repeats=4
    ),
}


def paper_segmentor_macs(network: Segmentor, image: Tensor) -> tuple[int, Tensor, Tensor]:
    """Count one image through a network as the paper did.

    Returns:
        The count, the propagated feature, and the last feature (both on the meta device).
    """
    registration = _REGISTRATIONS[type(network)]

    def call(weightless: Segmentor) -> tuple[Tensor, Tensor, Tensor]:
        cut, with_side = weightless.cut, registration.side_heads
        propagated, _ = weightless.run(cut, {"image": image}, with_side)
        feature, _ = weightless.run("feature", {cut: propagated}, with_side)
        return propagated, feature, weightless.classifier(feature)

    macs, (propagated, feature, scores) = _measure(network, call, registration.repeats)
    full_size = scores.numel() * network.feature_stride**2
    macs += registration.upsampling_repeats * _UPSAMPLING_PER_ELEMENT * full_size
    return macs, propagated, feature


def paper_nonkey_macs(
    low_res: Segmentor, fusion: Fusion, small: Tensor, propagated: Tensor, shifts: bool = True
) -> int:
    """Count a frame between keyframes as the paper did.

    Args:
        low_res: The low-res network.
        fusion: How the features meet.
        small: Its input, on the meta device.
        propagated: The keyframe's feature, on the meta device.
        shifts: Whether the last convolution is counted on the high-res grid, as it runs.
    """
    if isinstance(low_res, PSPNet18EarlyCut):
        # Each part where it runs; only so do the published figures come out.
        cut = low_res.cut
        before, low = _measure(low_res, lambda net: net.run(cut, {"image": small}, True)[0])
        fusing, fused = measure(fusion, lambda module: module(low, propagated))
        after, _ = _measure(
            low_res, lambda net: net.classifier(net.run("feature", {cut: fused}, True)[0])
        )
        return before + fusing + after
    low_macs, low, _ = paper_segmentor_macs(low_res, small)
    fusing, fused = measure(fusion, lambda module: module(low, propagated))
    if not shifts:
        return low_macs + fusing
    # The extra cost of the last convolution on the high-res grid, as the paper worked it out by
    # hand. It had one output fewer than the network: the published figures fit no other number.
    classifier = low_res.classifier
    area = fused.shape[-2] * fused.shape[-1] - low.shape[-2] * low.shape[-1]
    shift: int = area * classifier.in_channels * (classifier.out_channels - 1)
    return low_macs + fusing + shift


def paper_macs(module: nn.Module, x: Tensor, output: Tensor) -> int:
    """Cost of one call of one module, without its children's, by the profiling tool's rules."""
    if isinstance(module, nn.Conv2d):
        bias = 0 if module.bias is None else 1
        return output.numel() * (module.weight[0].numel() + bias)
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    if isinstance(module, AnyBatchNorm):
        return _NORM_PER_ELEMENT * x.numel()
    if isinstance(module, nn.AdaptiveAvgPool2d):
        window = (x.shape[-2] // output.shape[-2]) * (x.shape[-1] // output.shape[-1])
        return (window + 1) * output.numel()
    return 0


def _measure(
    network: SegmentorT,
    call: Callable[[SegmentorT], ResultT],
    repeats: Mapping[str, int] | None = None,
) -> tuple[int, ResultT]:
    """Add up what the rules say of every call of every submodule.

    Args:
        network: Stays as it is.
        call: Uses a copy of it whose weights are on the meta device.
        repeats: How many times the calls inside a submodule (by name) count; once by default.
    """
    weightless = on_meta(network)
    total = 0

    def listen(submodule: nn.Module, times: int) -> None:
        def add(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            nonlocal total
            total += times * paper_macs(submodule, args[0] if args else output, output)

        submodule.register_forward_hook(add)

    for name, submodule in weightless.named_modules():
        times = [n for part, n in (repeats or {}).items() if f"{name}.".startswith(f"{part}.")]
        listen(submodule, times[0] if times else 1)
    with torch.no_grad():
        result = call(weightless)
    return total, result
