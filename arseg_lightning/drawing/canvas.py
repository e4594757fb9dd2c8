"""Text, sizes and places of pictures that are put together of several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["BACKGROUND", "FINE_INK", "INK", "contact_sheet", "font", "resized", "side_by_side"]
__all__ += ["shown_size", "text_bar"]

BACKGROUND, INK, FINE_INK = (24, 26, 30), (238, 238, 238), (176, 180, 186)
"""Of what stands around pictures."""

_GAP = 4
"""Pixels between two pictures."""


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow brings: the same letters on every machine."""
    loaded = ImageFont.load_default(size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, which draws text; install another")
    return loaded


def shown_size(size: tuple[int, int], narrowest: int = 480, widest: int = 1280) -> tuple[int, int]:
    """The height and width at which a picture can be read, of even numbers, as videos want them."""
    height, width = size
    shown = min(max(width, narrowest), widest)
    factor = shown / width
    return max(2, 2 * round(height * factor / 2)), 2 * round(shown / 2)


def resized(
    image: NDArray[np.uint8], size: tuple[int, int], smooth: bool = True
) -> NDArray[np.uint8]:
    """An image, (H, W, 3) or (H, W), at another size; not ``smooth`` keeps its values."""
    if image.shape[:2] == size:
        return image
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(image).resize(size[::-1], how))


def side_by_side(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Images of one height in a row, with a gap between them."""
    gap = np.full((images[0].shape[0], _GAP, 3), BACKGROUND, np.uint8)
    parts = [part for image in images for part in (gap, image)]
    return np.concatenate(parts[1:], axis=1)


def text_bar(
    width: int, lines: Sequence[str], size: int = 15, height: int | None = None
) -> NDArray[np.uint8]:
    """Lines of text on a bar; the first is bright, what is too long ends in dots."""
    step = round(1.4 * size)
    height = height or step * len(lines) + 10
    image = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(image)
    letters = font(size)
    for row, line in enumerate(lines):
        place = (8, (height - step * len(lines)) // 2 + row * step)
        draw.text(
            place, _cut(line, width - 16, letters), fill=FINE_INK if row else INK, font=letters
        )
    return np.asarray(image)


def _cut(text: str, width: int, letters: ImageFont.FreeTypeFont) -> str:
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def contact_sheet(
    images: Sequence[NDArray[np.uint8]], columns: int, width: int
) -> NDArray[np.uint8]:
    """Images in rows, each at one width; those of a row are as high as the highest.

    Args:
        images: (H, W, 3) each, at least one.
        columns: Images in a row.
        width: Of an image on the sheet, in pixels.
    """
    small = [resized(each, (max(1, round(each.shape[0] * width / each.shape[1])), width))
             for each in images]  # fmt: skip
    height = max(each.shape[0] for each in small) + _GAP
    rows = -(-len(small) // columns)
    across = min(columns, len(small))
    sheet = np.empty((rows * height, across * (width + _GAP), 3), np.uint8)
    sheet[:] = BACKGROUND
    for index, each in enumerate(small):
        top, left = index // columns * height, index % columns * (width + _GAP)
        sheet[top : top + each.shape[0], left : left + width] = each
    return sheet
