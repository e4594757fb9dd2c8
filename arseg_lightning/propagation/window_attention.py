"""Attention of every pixel to the k x k window around it."""

from __future__ import annotations

import math
import os
from importlib.util import find_spec
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from arseg_lightning import native
from arseg_lightning.propagation.tiled_attention import TiledAttention, attend_bands

__all__ = ["Implementation", "WindowAttention", "window_attention"]

Implementation = Literal["auto", "torch", "triton"]

_HAS_TRITON = find_spec("triton") is not None
_TRITON_TYPES = (torch.float32, torch.bfloat16, torch.float16)


def window_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    window: int,
    zero_padding: bool = True,
    prior_sigma: float | None = None,
    implementation: Implementation = "auto",
) -> Tensor:
    """Attend from every pixel to its k x k neighbourhood: one head, logits not scaled.

    Computed in float32 at least, whatever the type of the inputs and under autocast too. The
    backward pass recomputes the weights instead of keeping them. Differentiable once.

    Args:
        query: Queries; they decide the type of the result.
        key: Keys.
        value: Values; their channels need not be as many.
        window: Side k of the odd window.
        zero_padding: Whether neighbours outside the image take part with logit 0 and value 0,
            as in the paper, or are left out.
        prior_sigma: Prior for the near: a neighbour at distance r pixels has
            ``r**2 / (2 * prior_sigma**2)`` taken off its logit. None, as in the paper: all alike.
        implementation: The results are the same but for rounding. ``torch``: any
            device and type. ``triton``: one kernel on a GPU, for float32, bfloat16 and float16.
            ``auto``: ``triton`` where it can, unless ``ARSEG_LIGHTNING_NATIVE=0`` is set.

    Shapes:
        query, key: (B, C, H, W)   value: (B, V, H, W)   returns: (B, V, H, W)

    Raises:
        ValueError: If ``window`` is not odd and positive, ``prior_sigma`` is not positive, the
            shapes differ, or ``implementation`` is none of the above.
        RuntimeError: If ``triton`` is demanded where it cannot run.

    Source: Hu et al., CVPR 2023 (AR-Seg), the local attention of CReFF; the prior is ours.
    """
    _check(window, prior_sigma)
    on_one_grid = query.dim() == value.dim() == 4 and query[:, :1].shape == value[:, :1].shape
    if query.shape != key.shape or not on_one_grid:
        shapes = ", ".join(str(tuple(part.shape)) for part in (query, key, value))
        raise ValueError(
            "query and key are (B, C, H, W) of one shape, and value is (B, V, H, W) on the same "
            f"grid; got {shapes}"
        )
    function = _implementation(query, implementation)
    if torch.compiler.is_exporting():  # a graph holds plain operators, and writes nothing in place
        parts = attend_bands(query, key, value, window, zero_padding, prior_sigma)
        return torch.cat([part for _, part in parts], dim=2)
    attended: Tensor = function.apply(  # type: ignore[no-untyped-call]
        query, key, value, window, zero_padding, prior_sigma
    )
    return attended


class WindowAttention(nn.Module):
    """:func:`window_attention` as a module, so that its cost can be counted.

    Args:
        window: Side k of the odd window.
        zero_padding: Whether pixels outside the image take part with logit 0 and value 0.
        prior_sigma: Prior for the near.

    Shapes:
        query, key: (B, C, H, W)   value: (B, V, H, W)   returns: (B, V, H, W)

    Raises:
        ValueError: If ``window`` is not odd and positive, or ``prior_sigma`` is not positive.
    """

    def __init__(
        self, window: int = 7, zero_padding: bool = True, prior_sigma: float | None = None
    ) -> None:
        super().__init__()
        _check(window, prior_sigma)
        self.window = window
        self.zero_padding = zero_padding
        self.prior_sigma = prior_sigma

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        return window_attention(query, key, value, self.window, self.zero_padding, self.prior_sigma)

    def macs(self, query: Tensor, output: Tensor) -> int:
        """Multiply-accumulates of one call: k * k for each element of query and output.

        This is the method's cost; masked products, which an implementation may add, do not count.
        """
        return self.window**2 * (query.numel() + output.numel())


def _implementation(query: Tensor, wanted: Implementation) -> type[torch.autograd.Function]:
    """The plug-in for the query's device and type, or the one asked for."""
    if wanted not in get_args(Implementation):
        raise ValueError(f"implementation is auto, torch or triton; got {wanted!r}")
    refusal = ""
    if not _HAS_TRITON:
        refusal = "it is not installed; it comes with PyTorch's CUDA builds, or: pip install triton"
    elif query.dtype not in _TRITON_TYPES:
        refusal = f"its kernels are for float32, bfloat16 and float16, got {query.dtype}"
    elif not (query.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"):
        refusal = f"its kernels run on a GPU, and the tensors are on {query.device}"
    # Triton's interpreter runs on a CPU too, but only where it is asked for.
    is_better = query.is_cuda and native.enabled() and not refusal
    if wanted == "torch" or (wanted == "auto" and not is_better):
        return TiledAttention
    if refusal:
        raise RuntimeError(
            f"implementation='triton' cannot be had: {refusal}; implementation='auto' takes "
            "whatever there is"
        )
    from arseg_lightning.propagation.triton_attention import TritonAttention

    return TritonAttention


def _check(window: int, prior_sigma: float | None) -> None:
    """Raise unless the window has a centre and the prior a width."""
    if window < 1 or window % 2 == 0:
        raise ValueError(f"a window has a centre, so its side is odd; got window={window}")
    if prior_sigma is not None and not 0 < prior_sigma < math.inf:
        raise ValueError(
            f"prior_sigma is a distance in pixels and positive, or null; got {prior_sigma}"
        )
