"""Window attention in Triton kernels, with its gradient.

A program holds the vectors of a tile of pixels, all channels of each, and goes over the window one
offset after the other. Channels are innermost in memory; in a program they are rounded up to a
power of two, as Triton wants it, and the rest is masked away.

The forward pass keeps two numbers a pixel; the backward pass computes the weights again from them.
Its first kernel goes from each query over its window. The second goes from each key over the
queries that see it, which are those of the same window, as "sees" is symmetric: so every gradient
is gathered by the one program that owns it, without atomic additions, and the same in every run.

Only ``tl.constexpr`` is annotated in a kernel: when Triton compiles for a GPU (its interpreter does
not), it looks annotations up, and refuses every name that is not its own.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["TritonAttention", "divide"]

_WIDEST = 32
"""Pixels of a tile's row."""


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
        batch, _, height, width = query.shape
        ctx.window = window
        ctx.steepness = 0.0 if prior_sigma is None else 1 / (2 * prior_sigma**2)
        query, key, value = _innermost(query), _innermost(key), _innermost(value)
        attended = torch.empty_like(value, dtype=query.dtype)
        # The highest logit of each window, and the sum of exponentials above which it stands: with
        # them the backward pass has the weights again. Both, as highest + log(total) is rounded.
        highest = query.new_empty(batch, height, width, dtype=torch.float32)
        total = torch.empty_like(highest)
        given = query, key, value, attended, highest, total
        options = {"zero_padding": zero_padding, "num_warps": 8}
        _launch(_attend, given, ctx.window, ctx.steepness, 4096, options)
        ctx.save_for_backward(query, key, value, highest, total)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        query, key, value, highest, total = ctx.saved_tensors
        grads = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        slope = torch.empty_like(total)  # (B, H, W), as highest and total
        read = query, key, value, _innermost(grad), highest, total, slope
        # The first kernel writes the slope, which the second reads.
        _launch(_query_gradient, (*read, grads[0]), ctx.window, ctx.steepness, 2048)
        _launch(_key_value_gradients, (*read, *grads[1:]), ctx.window, ctx.steepness, 2048)
        return (*grads, None, None, None)


def divide(query: Tensor, value: Tensor, elements: int) -> tuple[int, dict[str, int]]:
    """Divide the pixels among programs: tiles whose vectors have about so many elements.

    Registers have to hold several of such vectors.

    Returns:
        How many programs there are, and the sizes that a kernel is compiled for: rows and columns
        of a tile, and channels of keys and values; each a power of two.
    """
    batch, channels, height, width = query.shape
    # Not by Triton's functions of these names, which torch.compile cannot trace.
    block, value_block = (1 << (count - 1).bit_length() for count in (channels, value.shape[1]))
    pixels = min(max(elements // max(block, value_block), 1), 128)
    tile_width = min(pixels, _WIDEST)
    tile_height = pixels // tile_width
    tiles = -(-height // tile_height) * -(-width // tile_width)
    sizes = {"tile_height": tile_height, "tile_width": tile_width}
    return batch * tiles, sizes | {"block": block, "value_block": value_block}


def _innermost(image: Tensor) -> Tensor:
    """The image, (B, C, H, W), with its channels innermost in memory and without gaps."""
    return image.contiguous(memory_format=torch.channels_last)


def _launch(
    kernel: Any,
    tensors: tuple[Tensor, ...],
    window: int,
    steepness: float,
    elements: int,
    options: dict[str, int] | None = None,
) -> None:
    """Run a kernel on tensors of which the first are query, key and value."""
    query, _, value, *_ = tensors
    programs, sizes = divide(query, value, elements)
    options = sizes | (options or {})
    if not torch.compiler.is_compiling():  # which takes no such option
        # A product and a sum in one instruction: Triton 3.10 will no longer do so by itself.
        options["enable_fp_fusion"] = True
    if programs:
        # Triton launches on the current device, which need not be the tensors'.
        with torch.cuda.device(query.device) if query.is_cuda else nullcontext():
            kernel[(programs,)](
                *(*tensors, *query.shape[2:], query.shape[1], value.shape[1], steepness),
                window=window,
                **options,
            )


@triton.jit
def _attend(
    query, key, value, attended, to_highest, to_total,
    height, width, channels, value_channels, steepness,
    window: tl.constexpr, zero_padding: tl.constexpr, tile_height: tl.constexpr,
    tile_width: tl.constexpr, block: tl.constexpr, value_block: tl.constexpr,
) -> None:  # fmt: skip
    """Softmax and average in one pass over the window, rescaled whenever the maximum rises."""
    y, x, pixel, inside = _tile_pixels(height, width, tile_height, tile_width)
    queries = _load(query, pixel, inside, channels, block)
    keys = _load(key, pixel, inside, channels, block)
    # The centre is always seen, so that the maximum is a number from the start.
    highest = tl.sum(queries * keys, 1)
    total = tl.zeros_like(highest)
    summed = tl.zeros([tile_height * tile_width, value_block], tl.float32)
    for offset in range(window * window):
        near, seen, squared = _neighbours(y, x, pixel, inside, offset, height, width, window)
        keys = _load(key, near, seen, channels, block)
        values = _load(value, near, seen, value_channels, value_block)
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
    _store(attended, pixel, inside, value_channels, summed, value_block)
    tl.store(to_highest + pixel, highest, mask=inside)
    tl.store(to_total + pixel, total, mask=inside)


@triton.jit
def _query_gradient(
    query, key, value, grad, highest, total, slope, to_query,
    height, width, channels, value_channels, steepness,
    window: tl.constexpr, tile_height: tl.constexpr, tile_width: tl.constexpr,
    block: tl.constexpr, value_block: tl.constexpr,
) -> None:  # fmt: skip
    """Gradient of the queries, and the weighted mean of the weights' gradients (slope)."""
    y, x, pixel, inside = _tile_pixels(height, width, tile_height, tile_width)
    queries = _load(query, pixel, inside, channels, block)
    grads = _load(grad, pixel, inside, value_channels, value_block)
    tops = tl.load(highest + pixel, mask=inside, other=0.0)
    totals = tl.load(total + pixel, mask=inside, other=1.0)
    slopes = tl.zeros_like(totals)
    mean = tl.zeros([tile_height * tile_width, block], tl.float32)
    summed = tl.zeros([tile_height * tile_width, block], tl.float32)
    for offset in range(window * window):
        near, seen, squared = _neighbours(y, x, pixel, inside, offset, height, width, window)
        keys = _load(key, near, seen, channels, block)
        values = _load(value, near, seen, value_channels, value_block)
        weight = _weights(queries, keys, seen, squared, tops, totals, steepness)
        pull = weight * tl.sum(grads * values, 1)
        slopes += pull
        mean += weight[:, None] * keys
        summed += pull[:, None] * keys
    # The sum of weight * (weight's gradient - slope) * key; the slope is known only now.
    summed -= slopes[:, None] * mean
    _store(to_query, pixel, inside, channels, summed, block)
    tl.store(slope + pixel, slopes, mask=inside)


@triton.jit
def _key_value_gradients(
    query, key, value, grad, highest, total, slope, to_key, to_value,
    height, width, channels, value_channels, steepness,
    window: tl.constexpr, tile_height: tl.constexpr, tile_width: tl.constexpr,
    block: tl.constexpr, value_block: tl.constexpr,
) -> None:  # fmt: skip
    """Gradients of keys and values, from the queries around that see them."""
    y, x, pixel, inside = _tile_pixels(height, width, tile_height, tile_width)
    keys = _load(key, pixel, inside, channels, block)
    values = _load(value, pixel, inside, value_channels, value_block)
    key_sum = tl.zeros([tile_height * tile_width, block], tl.float32)
    value_sum = tl.zeros([tile_height * tile_width, value_block], tl.float32)
    for offset in range(window * window):
        near, seen, squared = _neighbours(y, x, pixel, inside, offset, height, width, window)
        queries = _load(query, near, seen, channels, block)
        grads = _load(grad, near, seen, value_channels, value_block)
        tops = tl.load(highest + near, mask=seen, other=0.0)
        totals = tl.load(total + near, mask=seen, other=1.0)
        slopes = tl.load(slope + near, mask=seen, other=0.0)
        weight = _weights(queries, keys, seen, squared, tops, totals, steepness)
        value_sum += weight[:, None] * grads
        pull = weight * (tl.sum(grads * values, 1) - slopes)
        key_sum += pull[:, None] * queries
    _store(to_key, pixel, inside, channels, key_sum, block)
    _store(to_value, pixel, inside, value_channels, value_sum, value_block)


@triton.jit
def _weights(queries, keys, seen, squared, tops, totals, steepness):
    """The weights of the forward pass again, of a key for each query; zero where none is seen."""
    logit = tl.sum(queries * keys, 1) - steepness * squared
    return tl.exp(tl.where(seen, logit - tops, float("-inf"))) / totals


@triton.jit
def _tile_pixels(height, width, tile_height: tl.constexpr, tile_width: tl.constexpr):
    """Rows and columns of this program's pixels, their index in (B, H, W), and which there are."""
    columns = tl.cdiv(width, tile_width)
    tiles = tl.cdiv(height, tile_height) * columns
    image = (tl.program_id(0) // tiles).to(tl.int64)  # for batches of more than 2**31 elements
    tile = tl.program_id(0) % tiles
    index = tl.arange(0, tile_height * tile_width)
    y = tile // columns * tile_height + index // tile_width
    x = tile % columns * tile_width + index % tile_width
    return y, x, (image * height + y) * width + x, (y < height) & (x < width)


@triton.jit
def _neighbours(y, x, pixel, inside, offset, height, width, window: tl.constexpr):
    """Pixels at an offset of the window, which of them are in the image, and distance squared."""
    dy = offset // window - window // 2
    dx = offset % window - window // 2
    near_y, near_x = y + dy, x + dx
    seen = inside & (near_y >= 0) & (near_y < height) & (near_x >= 0) & (near_x < width)
    return pixel + dy * width + dx, seen, dy * dy + dx * dx


@triton.jit
def _load(feature, pixel, mask, channels, block: tl.constexpr):
    """Vectors of pixels in float32, (pixels, block); zero where masked and beyond the channels."""
    channel = tl.arange(0, block)[None, :]
    address = feature + pixel[:, None] * channels + channel
    return tl.load(address, mask=mask[:, None] & (channel < channels), other=0.0).to(tl.float32)


@triton.jit
def _store(feature, pixel, mask, channels, vectors, block: tl.constexpr) -> None:
    """Write vectors, (pixels, block), rounded to the feature's type."""
    channel = tl.arange(0, block)[None, :]
    address = feature + pixel[:, None] * channels + channel
    vectors = vectors.to(feature.dtype.element_ty)
    tl.store(address, vectors, mask=mask[:, None] & (channel < channels))
