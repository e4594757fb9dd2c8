"""Where kernels in C can take the place of parts of a method."""

from __future__ import annotations

from torch import nn

from arseg_lightning.inference.options import Optimisations
from arseg_lightning.native import load

__all__ = ["may_use"]


def may_use(kernel: str, part: nn.Module, optimisations: Optimisations) -> bool:
    """Whether a kernel is there, and computes in the part's place and the precision wanted.

    Args:
        kernel: Its name.
        part: What it would replace.
        optimisations: They name the precision.
    """
    return (
        optimisations.precision != "float16"
        and next(part.parameters()).device.type in ("cpu", "meta")
        and load(kernel) is not None
    )
