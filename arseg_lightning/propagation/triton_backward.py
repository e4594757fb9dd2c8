"""Gradients of the window attention in two Triton kernels, which compute the weights again.

The first goes from each query over its window. The second goes from each key over the queries
that see it, which are those of the same window, as "sees" is symmetric: so every gradient is
gathered by the one program that owns it, without atomic additions, and the same in every run.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from arseg_lightning.propagation.triton_tiles import (
    Launch,
    load_vectors,
    neighbours,
    readable,
    store_vectors,
    tile_pixels,
    with_strides,
)

__all__ = ["gradients"]


def gradients(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    highest: Tensor,
    total: Tensor,
    grad: Tensor,
    window: int,
    steepness: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of queries, keys and values from that of the result.

    Pixels outside the image have neither key nor value: whether they took part is known from
    ``total`` alone. ``highest`` and ``total`` are what the forward pass kept; ``steepness`` is
    taken off a logit for each squared pixel of distance.

    Shapes:
        query, key: (B, C, H, W)   value, grad: (B, V, H, W)   highest, total: (B, H, W)
    """
    query, key, value, grad = (readable(part) for part in (query, key, value, grad))
    grads = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
    slope = torch.empty_like(total)
    launch = Launch.over(query, value, 2048)
    if launch.programs:
        inputs = *with_strides(query, key, value, grad), highest, total, slope
        sizes = *query.shape[2:], query.shape[1], value.shape[1], steepness
        for kernel, results in (_query_gradient, grads[:1]), (_key_value_gradients, grads[1:]):
            kernel[(launch.programs,)](
                *inputs, *with_strides(*results), *sizes, window=window, **launch.arguments
            )
    return grads


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
    came = load_vectors(grad, grad_image, grad_channel, grad_pixel,
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
        pull = weight * tl.sum(came * values, 1)
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
        came = load_vectors(grad, grad_image, grad_channel, grad_pixel,
                            image, near, seen, value_channels, value_block)  # fmt: skip
        tops = tl.load(highest + image * height * width + near, mask=seen, other=0.0)
        totals = tl.load(total + image * height * width + near, mask=seen, other=1.0)
        slopes = tl.load(slope + image * height * width + near, mask=seen, other=0.0)
        weight = _weights(queries, keys, seen, squared, tops, totals, steepness)
        value_sum += weight[:, None] * came
        pull = weight * (tl.sum(came * values, 1) - slopes)
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
