"""Inference optimisations, each of which can be switched off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from arseg_lightning.native import load

__all__ = ["Compile", "Optimisations", "Precision"]

Precision = Literal["float32", "bfloat16", "float16"]
Compile = Literal["no", "default", "reduce-overhead", "max-autotune"]


@dataclass(frozen=True, slots=True)
class Optimisations:
    """Each can be switched off; all but ``precision`` leave the output as it is, up to rounding.

    Args:
        fold_batch_norms: Batch norms go into the convolutions before them.
        early_context: PSPNet18's bottleneck runs before the pyramid's levels are upsampled: on
            6x6 pixels and fewer instead of on all.
        factored_upsampling: A 3x3 convolution after a twofold upsampling multiplies on the small
            map, a quarter of the work, and upsamples the nine products (CPU with a C compiler).
        fold_classifier: Window attention averages class scores instead of features, and the
            low-res feature is classified before it is upsampled.
        fused_fusion: Warp, window attention and upsampling in one pass over the image, without
            anything in between in memory (CPU with a C compiler).
        channels_last: Channels innermost in memory.
        precision: In what the networks compute. ``bfloat16`` and ``float16`` change the output a
            little; scores are compared in float32.
        compile: Mode of ``torch.compile`` for the networks; ``reduce-overhead`` uses CUDA graphs.
    """

    fold_batch_norms: bool = True
    early_context: bool = True
    factored_upsampling: bool = True
    fold_classifier: bool = True
    fused_fusion: bool = True
    channels_last: bool = True
    precision: Precision = "float32"
    compile: Compile = "no"

    @classmethod
    def none(cls) -> Optimisations:
        """Nothing: the method as it was trained."""
        return cls(False, False, False, False, False, False)

    @property
    def dtype(self) -> torch.dtype:
        """The networks' type of numbers."""
        return {
            "float32": torch.float32,
            "bfloat16": torch.bfloat16,
            "float16": torch.float16,
        }[self.precision]

    def may_use(self, kernel: str, part: nn.Module) -> bool:
        """Whether a kernel in C is there, and computes on a part's device and in this precision."""
        device = next(part.parameters()).device.type
        return (
            self.precision != "float16" and device in ("cpu", "meta") and load(kernel) is not None
        )
