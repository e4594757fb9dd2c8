"""Optimisations of segmentation networks: equal parts in less time, precision and layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from arseg_lightning.inference.algebra import EarlyContext, fold_batch_norms
from arseg_lightning.inference.upsample_conv import FactoredUpsampleConv
from arseg_lightning.models.blocks import NearestUpsampleConv, UpsampleConv
from arseg_lightning.models.pspnet import PyramidContext
from arseg_lightning.models.query_segmentor import QuerySegmentor
from arseg_lightning.models.segmentor import Segmentor, SideOutputs
from arseg_lightning.native import load

__all__ = ["Compile", "Optimisations", "Precision", "replace_networks"]

Precision = Literal["float32", "bfloat16", "float16"]
Compile = Literal["no", "default", "reduce-overhead", "max-autotune"]


@dataclass(frozen=True, slots=True)
class Optimisations:
    """All but ``precision`` leave the output as it is, up to rounding.

    Args:
        algebra: Batch norms go into the convolutions before them. PSPNet18's bottleneck runs before
            the pyramid's levels are upsampled, on 6x6 pixels and fewer. Window attention averages
            class scores instead of features, and the low-res feature is classified before it is
            upsampled. What motion carries from frame to frame is classified before it is warped.
        kernels: On a CPU with a C compiler, a 3x3 convolution after a twofold upsampling multiplies
            on the small map, and warp, window attention and upsampling are one pass over the image.
            Anywhere, channels are innermost in memory.
        precision: Number type of the networks. ``bfloat16`` and ``float16`` change the output a
            little; scores are compared in float32.
        compile: Mode of ``torch.compile`` for the networks; ``reduce-overhead`` uses CUDA graphs.
    """

    algebra: bool = True
    kernels: bool = True
    precision: Precision = "float32"
    compile: Compile = "no"

    @property
    def dtype(self) -> torch.dtype:
        """The networks' type of numbers."""
        dtype: torch.dtype = getattr(torch, self.precision)
        return dtype

    def may_use(self, kernel: str, part: nn.Module) -> bool:
        """Whether a kernel in C is there, and computes on a part's device and in this precision."""
        device = next(part.parameters()).device.type
        fits = self.precision != "float16" and device in ("cpu", "meta")  # meta: its cost
        return self.kernels and fits and load(kernel) is not None


def replace_networks(module: nn.Module, optimisations: Optimisations) -> None:
    """Replace all segmentation networks inside a module in eval mode, under all their names.

    Those with queries stay: they have no feature that the changes could be compared by.
    """
    found = {
        name: child
        for name, child in module.named_modules(remove_duplicate=False)
        if isinstance(child, Segmentor) and not isinstance(child, QuerySegmentor)
    }
    faster: dict[nn.Module, _InferenceNetwork] = {}
    for name, child in found.items():
        if any(name.startswith(f"{other}.") for other in found):
            continue  # a part of another network, which comes with it
        if child not in faster:
            faster[child] = _InferenceNetwork(child, optimisations)
        module.set_submodule(name, faster[child])


# Private, so that help and messages do not offer it to those who configure a network.
class _InferenceNetwork(Segmentor):
    """A trained network that computes the same in less time; it has no training-only heads.

    Args:
        network: A network in eval mode; it is changed and belongs to this one from now on.
        optimisations: Those that are wanted.
    """

    def __init__(self, network: Segmentor, optimisations: Optimisations) -> None:
        super().__init__()
        if optimisations.algebra:
            fold_batch_norms(network)
        for name, part in list(network.named_modules(remove_duplicate=False)):
            if isinstance(part, PyramidContext) and optimisations.algebra:
                network.set_submodule(name, EarlyContext(part))
            if (
                isinstance(part, UpsampleConv | NearestUpsampleConv)
                and FactoredUpsampleConv.fits(part)
                and optimisations.may_use("upsample_conv", part)
            ):
                network.set_submodule(name, FactoredUpsampleConv(part))
        self.dtype = optimisations.dtype
        self.layout = torch.preserve_format
        self.network = network.to(self.dtype)
        if optimisations.kernels:
            self.layout = torch.channels_last
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.feature_channels = network.feature_channels
        self.feature_stride = network.feature_stride
        self.align_corners = network.align_corners
        self.stages = dict(network.stages)
        self.cut = network.cut
        self.feature_needs = network.feature_needs
        # A bound method, which a copy of this network rebinds to itself; a function would not be.
        self._run = _compiled(self._plain_run, optimisations)

    @property
    def classifier(self) -> nn.Conv2d:  # type: ignore[override]
        """The network's last 1x1 convolution."""
        classifier: nn.Conv2d = self.network.classifier
        return classifier

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the feature."""
        return self.run("feature", {"image": image})

    def run(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool = False
    ) -> tuple[Tensor, SideOutputs]:
        """Run the stages that are missing, up to and with ``stage``."""
        prepared = {
            name: value.to(dtype=self.dtype, memory_format=self.layout)
            for name, value in values.items()
        }
        # A network that is cut before its classifier alone has nothing to run after its cut.
        value = prepared[stage] if stage in prepared else self._run(stage, prepared)
        return value, SideOutputs()

    def _plain_run(self, stage: str, values: Mapping[str, Tensor]) -> Tensor:
        return self.network.run(stage, values)[0]


def _compiled(function: Callable[..., Tensor], optimisations: Optimisations) -> Any:
    """Compile, if that is wanted; CUDA graphs reuse their output, which keyframes must keep."""
    if optimisations.compile == "no":
        return function
    mode = None if optimisations.compile == "default" else optimisations.compile
    compiled = torch.compile(function, mode=mode, dynamic=False)
    if mode is None:
        return compiled
    return lambda *arguments: compiled(*arguments).clone()
