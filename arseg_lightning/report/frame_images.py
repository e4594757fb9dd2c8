"""Frames as images: labels in colour, errors, motion, and several side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from arseg_lightning.types import ClassSet, Motion

__all__ = ["class_colours", "error_map", "motion_colours", "tiled"]

_WRONG = (220, 30, 30)
_FILLED_BRIGHTNESS = 0.6
_TITLE_PIXELS = 14
_GAP_PIXELS = 2


def class_colours(labels: NDArray[np.integer], classes: ClassSet) -> NDArray[np.uint8]:
    """Show each class in its colour, and what is left out in black.

    Shapes:
        labels: (H, W), class indices or ``ignore_index``   returns: (H, W, 3)
    """
    table = np.zeros((256, 3), np.uint8)
    table[: classes.num_classes] = classes.palette
    table[classes.ignore_index] = 0
    colours: NDArray[np.uint8] = table[labels]
    return colours


def error_map(
    image: NDArray[np.uint8],
    predicted: NDArray[np.integer],
    labels: NDArray[np.integer],
    ignore_index: int,
) -> NDArray[np.uint8]:
    """Show where a prediction is wrong in red, over the grey image; what is left out is black.

    Shapes:
        image: (H, W, 3)   predicted, labels: (H, W)   returns: (H, W, 3)
    """
    grey = image.mean(axis=-1, keepdims=True) / 2 + 64  # (H, W, 1), pale, so that red stands out
    shown = np.repeat(np.rint(grey), 3, axis=-1).astype(np.uint8)  # (H, W, 3)
    shown[predicted != labels] = _WRONG
    shown[labels == ignore_index] = 0
    return shown


def motion_colours(motion: Motion, longest: float) -> NDArray[np.uint8]:
    """Show direction as hue and length as saturation; what was filled in is darker.

    Saturation is full at the longest length, in pixels.

    Shapes:
        returns: (H, W, 3)
    """
    from matplotlib.colors import hsv_to_rgb

    x, y = motion.xy  # (H, W) each
    hue = np.arctan2(y, x) / (2 * np.pi) % 1
    saturation = np.minimum(np.hypot(x, y) / longest, 1)
    value = np.where(motion.valid, 1, _FILLED_BRIGHTNESS)
    colours = hsv_to_rgb(np.stack([hue, saturation, value], axis=-1))  # (H, W, 3)
    return np.asarray(np.rint(255 * colours), np.uint8)


def tiled(tiles: Mapping[str, NDArray[np.uint8]], columns: int = 4) -> NDArray[np.uint8]:
    """Put images of one size side by side, row by row, each below its title.

    Shapes:
        tiles: (H, W, 3) each   returns: (rows, columns, 3) of pixels

    Raises:
        ValueError: If there are none, or their sizes differ.
    """
    sizes = {tile.shape for tile in tiles.values()}
    if len(sizes) != 1:
        raise ValueError(f"tiles are one or more images of one size, got sizes {sorted(sizes)}")
    height, width, _ = sizes.pop()
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)  # rounded up
    cell = (width + _GAP_PIXELS, height + _TITLE_PIXELS)
    sheet = Image.new("RGB", (columns * cell[0] - _GAP_PIXELS, rows * cell[1]))
    draw = ImageDraw.Draw(sheet)
    for index, (title, tile) in enumerate(tiles.items()):
        left, top = index % columns * cell[0], index // columns * cell[1]
        draw.text((left + 2, top + 1), title, fill="white")
        sheet.paste(Image.fromarray(tile), (left, top + _TITLE_PIXELS))
    return np.asarray(sheet)
