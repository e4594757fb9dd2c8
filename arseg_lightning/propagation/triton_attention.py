"""Window attention in Triton kernels, with its gradient.

The forward pass keeps two numbers a pixel; the backward pass computes the weights again from them.
Its first kernel goes from each query over its window. The second goes from each key over the
queries that see it, which are those of the same window, as "sees" is symmetric: so every gradient
is gathered by the one program that owns it, without atomic additions, and the same in every run.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from arseg_lightning.propagation.triton_tiles import (
    launch,
    load_vectors,
    neighbours,
    readable,
    store_vectors,
    tile_pixels,
    with_strides,
)

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
        batch, channels, height, width = query.shape
        ctx.window = window
        ctx.steepness = 0.0 if prior_sigma is None else 1 / (2 * prior_sigma**2)
        given = (query, key, value)
        query, key, value = readable(query), readable(key), readable(value)
        attended = torch.empty_like(value, dtype=query.dtype)
        # The highest logit of each window, and the sum of exponentials above which it stands: with
        # them the backward pass has the weights again. Both, as highest + log(total) is rounded.
        highest = query.new_empty(batch, height, width, dtype=torch.float32)
        total = torch.empty_like(highest)
        programs, sizes = launch(query, value, 4096)
        if programs:
            with _device_of(query):
                _attend[(programs,)](
                    *with_strides(query, key, value, attended), highest, total,
                    height, width, channels, value.shape[1], ctx.steepness,
                    window=window, zero_padding=zero_padding, num_warps=8, **sizes,
                )  # fmt: skip
        ctx.save_for_backward(*given, highest, total)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        *inputs, highest, total = ctx.saved_tensors
        query, key, value, grad = (readable(part) for part in (*inputs, grad))
        grads = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        slope = torch.empty_like(total)  # (B, H, W), as highest and total
        programs, sizes = launch(query, value, 2048)
        if programs:
            read = *with_strides(query, key, value, grad), highest, total, slope
            shape = *query.shape[2:], query.shape[1], value.shape[1], ctx.steepness
            kernels = (_query_gradient, grads[:1]), (_key_value_gradients, grads[1:])
            with _device_of(grad):
                for kernel, results in kernels:
                    kernel[(programs,)](
                        *read,
                        *with_strides(*results),
                        *shape,
                        window=ctx.window,
                        **sizes,
                    )
        return (*grads, None, None, None)


def _device_of(image: Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current device, which need not be the tensors'."""
    return torch.cuda.device(image.device) if image.is_cuda else nullcontext()


@triton.jit
def _attend(
    query, query_image, query_channel, query_pixel,
    key, key_image, key_channel, key_pixel,
    value, value_image, value_channel, value_pixel,
    attended, attended_image, attended_channel, attended_pixel,
    to_highest, to_total, height, width, channels, value_channels, steepness,
    window: tl.constexpr, zero_padding: tl.constexpr, tile_height: tl.constexpr,
    tile_width: tl.constexpr, block: tl.constexpr, value_block: tl.constexpr,
) -> None:  # fmt: skip
    """Softmax and average in one pass over the window, rescaled whenever the maximum rises."""
    image, y, x, pixel, inside = tile_pixels(height, width, tile_height, tile_width)
    queries = load_vectors(query, query_image, query_channel, query_pixel,
                           image, pixel, inside, channels, block)  # fmt: skip
    keys = load_vectors(key, key_image, key_channel, key_pixel,
                        image, pixel, inside, channels, block)  # fmt: skip
    # The centre is always seen, so that the maximum is a number from the start.
    highest = tl.sum(queries * keys, 1)
    total = tl.zeros_like(highest)
    summed = tl.zeros([tile_height * tile_width, value_block], tl.float32)
    for offset in range(window * window):
        near, seen, squared = neighbours(y, x, inside, offset, height, width, window)
        keys = load_vectors(key, key_image, key_channel, key_pixel,
                            image, near, seen, channels, block)  # fmt: skip
        values = load_vectors(value, value_image, value_channel, value_pixel,
                              image, near, seen, value_channels, value_block)  # fmt: skip
        logit = tl.sum(queries * keys, 1) - steepness * squared
        if not zero_padding:
            # Queries of a tile that are outside themselves see all, to stay numbers.
            logit = tl.where(seen | ~inside, logit, float("-inf"))
        higher = tl.maximum(highest, logit)
        shrink = tl.exp(highest - higher)
        weight = tl.exp(logit - higher)
        total = total * shrink + weight
        summed = summed * shrink[:, None] + weight[:, None] * values
        highest = higher
    summed /= total[:, None]
    store_vectors(attended, attended_image, attended_channel, attended_pixel,
                  image, pixel, inside, value_channels, summed, value_block)  # fmt: skip
    tl.store(to_highest + image * height * width + pixel, highest, mask=inside)
    tl.store(to_total + image * height * width + pixel, total, mask=inside)


@triton.jit
def _query_gradient(
    query, query_image, query_channel, query_pixel,
    key, key_image, key_channel, key_pixel,
    value, value_image, value_channel, value_pixel,
    grad, grad_image, grad_channel, grad_pixel, highest, total, slope,
    to_query, to_query_image, to_query_channel, to_query_pixel,
    height, width, channels, value_channels, steepness,
    window: tl.constexpr, tile_height: tl.constexpr, tile_width: tl.constexpr,
    block: tl.constexpr, value_block: tl.constexpr,
) -> None:  # fmt: skip
    """Gradient of the queries, and the weighted mean of the weights' gradients (slope)."""
    image, y, x, pixel, inside = tile_pixels(height, width, tile_height, tile_width)
    queries = load_vectors(query, query_image, query_channel, query_pixel,
                           image, pixel, inside, channels, block)  # fmt: skip
    grads = load_vectors(grad, grad_image, grad_channel, grad_pixel,
                        image, pixel, inside, value_channels, value_block)  # fmt: skip
    tops = tl.load(highest + image * height * width + pixel, mask=inside, other=0.0)
    totals = tl.load(total + image * height * width + pixel, mask=inside, other=1.0)
    slopes = tl.zeros_like(totals)
    mean = tl.zeros([tile_height * tile_width, block], tl.float32)
    summed = tl.zeros([tile_height * tile_width, block], tl.float32)
    for offset in range(window * window):
        near, seen, squared = neighbours(y, x, inside, offset, height, width, window)
        keys = load_vectors(key, key_image, key_channel, key_pixel,
                            image, near, seen, channels, block)  # fmt: skip
        values = load_vectors(value, value_image, value_channel, value_pixel,
                              image, near, seen, value_channels, value_block)  # fmt: skip
        weight = _weights(queries, keys, seen, squared, tops, totals, steepness)
        pull = weight * tl.sum(grads * values, 1)
        slopes += pull
        mean += weight[:, None] * keys
        summed += pull[:, None] * keys
    # The sum of weight * (weight's gradient - slope) * key; the slope is known only now.
    summed -= slopes[:, None] * mean
    store_vectors(to_query, to_query_image, to_query_channel, to_query_pixel,
                  image, pixel, inside, channels, summed, block)  # fmt: skip
    tl.store(slope + image * height * width + pixel, slopes, mask=inside)


@triton.jit
def _key_value_gradients(
    query, query_image, query_channel, query_pixel,
    key, key_image, key_channel, key_pixel,
    value, value_image, value_channel, value_pixel,
    grad, grad_image, grad_channel, grad_pixel, highest, total, slope,
    to_key, to_key_image, to_key_channel, to_key_pixel,
    to_value, to_value_image, to_value_channel, to_value_pixel,
    height, width, channels, value_channels, steepness,
    window: tl.constexpr, tile_height: tl.constexpr, tile_width: tl.constexpr,
    block: tl.constexpr, value_block: tl.constexpr,
) -> None:  # fmt: skip
    """Gradients of keys and values, from the queries around that see them."""
    image, y, x, pixel, inside = tile_pixels(height, width, tile_height, tile_width)
    keys = load_vectors(key, key_image, key_channel, key_pixel,
                        image, pixel, inside, channels, block)  # fmt: skip
    values = load_vectors(value, value_image, value_channel, value_pixel,
                          image, pixel, inside, value_channels, value_block)  # fmt: skip
    key_sum = tl.zeros([tile_height * tile_width, block], tl.float32)
    value_sum = tl.zeros([tile_height * tile_width, value_block], tl.float32)
    for offset in range(window * window):
        near, seen, squared = neighbours(y, x, inside, offset, height, width, window)
        queries = load_vectors(query, query_image, query_channel, query_pixel,
                               image, near, seen, channels, block)  # fmt: skip
        grads = load_vectors(grad, grad_image, grad_channel, grad_pixel,
                            image, near, seen, value_channels, value_block)  # fmt: skip
        tops = tl.load(highest + image * height * width + near, mask=seen, other=0.0)
        totals = tl.load(total + image * height * width + near, mask=seen, other=1.0)
        slopes = tl.load(slope + image * height * width + near, mask=seen, other=0.0)
        weight = _weights(queries, keys, seen, squared, tops, totals, steepness)
        value_sum += weight[:, None] * grads
        pull = weight * (tl.sum(grads * values, 1) - slopes)
        key_sum += pull[:, None] * queries
    store_vectors(to_key, to_key_image, to_key_channel, to_key_pixel,
                  image, pixel, inside, channels, key_sum, block)  # fmt: skip
    store_vectors(to_value, to_value_image, to_value_channel, to_value_pixel,
                  image, pixel, inside, value_channels, value_sum, value_block)  # fmt: skip


@triton.jit
def _weights(queries, keys, seen, squared, tops, totals, steepness):
    """The weights of the forward pass again, of a key for each query; zero where none is seen."""
    logit = tl.sum(queries * keys, 1) - steepness * squared
    return tl.exp(tl.where(seen, logit - tops, float("-inf"))) / totals
