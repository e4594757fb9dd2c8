"""Parts of the Triton kernels: the pixels of a program, and reading and writing vectors there.

A program holds the vectors of a tile of pixels, all channels of each, and goes over the window one
offset after the other. Channels are rounded up to a power of two, as Triton wants it; the rest is
masked away. Factors of a stride have 64 bits, for images of more than 2**31 elements.

Only ``tl.constexpr`` is annotated in a kernel: when Triton compiles for a GPU (its interpreter does
not), it looks annotations up, and refuses every name that is not its own.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = [
    "launch",
    "load_vectors",
    "neighbours",
    "readable",
    "store_vectors",
    "tile_pixels",
    "with_strides",
]

_WIDEST = 32
"""Pixels of a tile's row: so that a warp reads a whole cache line where channels are apart."""


def launch(query: Tensor, value: Tensor, elements: int) -> tuple[int, dict[str, int]]:
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
    sizes = {
        "tile_height": tile_height,
        "tile_width": tile_width,
        "block": block,
        "value_block": value_block,
    }
    if not torch.compiler.is_compiling():  # which takes no such option
        # A product and a sum in one instruction: Triton 3.10 will no longer do so by itself.
        sizes["enable_fp_fusion"] = True
    return batch * tiles, sizes


def readable(image: Tensor) -> Tensor:
    """The image, or a copy if there are gaps between its rows: a kernel counts pixels.

    Whatever is made like the result by ``torch.empty_like`` has no such gaps either.

    Shapes:
        image: (B, C, H, W)
    """
    _, _, height, width = image.shape
    gaps = height > 1 and width > 1 and image.stride(2) != width * image.stride(3)
    return image.contiguous() if gaps else image


def with_strides(*images: Tensor) -> list[Tensor | int]:
    """Readable images, each with how far it is from image to image, channel and pixel."""
    arguments: list[Tensor | int] = []
    for image in images:
        pixel = image.stride(3) if image.shape[3] > 1 else image.stride(2)
        arguments += [image, image.stride(0), image.stride(1), pixel]
    return arguments


@triton.jit
def tile_pixels(height, width, tile_height: tl.constexpr, tile_width: tl.constexpr):
    """Image, rows, columns and pixels of this program's pixels, and which are in the image."""
    columns = tl.cdiv(width, tile_width)
    tiles = tl.cdiv(height, tile_height) * columns
    image = tl.program_id(0) // tiles
    tile = tl.program_id(0) % tiles
    index = tl.arange(0, tile_height * tile_width)
    y = tile // columns * tile_height + index // tile_width
    x = tile % columns * tile_width + index % tile_width
    pixel = y.to(tl.int64) * width + x
    return image.to(tl.int64), y, x, pixel, (y < height) & (x < width)


@triton.jit
def neighbours(y, x, inside, offset, height, width, window: tl.constexpr):
    """Pixels at an offset of the window, which of them are in the image, and distance squared."""
    dy = offset // window - window // 2
    dx = offset % window - window // 2
    near_y, near_x = y + dy, x + dx
    seen = inside & (near_y >= 0) & (near_y < height) & (near_x >= 0) & (near_x < width)
    return near_y.to(tl.int64) * width + near_x, seen, dy * dy + dx * dx


@triton.jit
def load_vectors(
    feature, image_stride, channel_stride, pixel_stride,
    image, pixel, mask, channels, block: tl.constexpr,
):  # fmt: skip
    """Vectors of pixels in float32, (pixels, block); zero where masked and beyond the channels."""
    channel = tl.arange(0, block)
    address = feature + image * image_stride + pixel[:, None] * pixel_stride
    address += channel.to(tl.int64)[None, :] * channel_stride
    mask = mask[:, None] & (channel < channels)[None, :]
    return tl.load(address, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def store_vectors(
    feature, image_stride, channel_stride, pixel_stride,
    image, pixel, mask, channels, vectors, block: tl.constexpr,
) -> None:  # fmt: skip
    """Write vectors, (pixels, block), rounded to the feature's type."""
    channel = tl.arange(0, block)
    address = feature + image * image_stride + pixel[:, None] * pixel_stride
    address += channel.to(tl.int64)[None, :] * channel_stride
    mask = mask[:, None] & (channel < channels)[None, :]
    tl.store(address, vectors.to(feature.dtype.element_ty), mask=mask)
