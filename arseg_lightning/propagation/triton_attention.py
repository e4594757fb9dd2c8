"""Window attention in Triton kernels, with its gradient."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from arseg_lightning.propagation.triton_backward import gradients
from arseg_lightning.propagation.triton_forward import attend

__all__ = ["TritonAttention"]


class TritonAttention(torch.autograd.Function):
    """The attention and its gradient; between the two, two numbers a pixel are kept."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        window: int,
        zero_padding: bool,
        prior_sigma: float | None,
    ) -> Tensor:
        """Attend."""
        ctx.window = window
        ctx.steepness = 0.0 if prior_sigma is None else 1 / (2 * prior_sigma**2)
        with _device_of(query):
            attended, *sums = attend(query, key, value, window, zero_padding, ctx.steepness)
        ctx.save_for_backward(query, key, value, *sums)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        query, key, value, highest, total = ctx.saved_tensors
        with _device_of(grad):
            grads = gradients(query, key, value, highest, total, grad, ctx.window, ctx.steepness)
        return (*grads, None, None, None)


def _device_of(picture: Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current device, which need not be the tensors'."""
    return torch.cuda.device(picture.device) if picture.is_cuda else nullcontext()
