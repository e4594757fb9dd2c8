"""Labels in the colours of their classes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from arseg_lightning.drawing.canvas import BACKGROUND, FINE_INK, font
from arseg_lightning.types import RGB, ClassSet

__all__ = ["class_legend", "overlay", "palette_table"]

_ROW = 22  # pixels


def overlay(
    image: NDArray[np.uint8], label: NDArray[np.uint8], classes: ClassSet, opacity: float = 0.5
) -> NDArray[np.uint8]:
    """Blend the colours of the classes into an image.

    Shapes:
        image: (H, W, 3)   label: (H, W), class indices   returns: (H, W, 3)
    """
    weight = round(256 * opacity)  # in 256ths: whole numbers of 16 bits suffice
    colours = palette_table(classes.palette).astype(np.uint16) * np.uint16(weight) + np.uint16(127)
    mixed = image * np.uint16(256 - weight)
    mixed += colours.take(label, axis=0)
    mixed >>= 8
    return mixed.astype(np.uint8)


def palette_table(colours: tuple[RGB, ...]) -> NDArray[np.uint8]:
    """A colour for each uint8 value, (256, 3); black beyond the classes."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table


def class_legend(classes: ClassSet, present: Iterable[int], width: int) -> NDArray[np.uint8]:
    """Draw the colours and names of some classes, in as many rows as they need.

    Args:
        classes: The classes.
        present: Indices of those to show; what is no class is left out.
        width: Of the legend, in pixels.

    Shapes:
        returns: (H, W, 3)
    """
    letters, left, row = font(13), 8, 0
    shown = [(index, classes.names[index]) for index in present if index < classes.num_classes]
    places = list[tuple[int, int]]()
    for _, name in shown:
        wide = 36 + int(letters.getlength(name))
        if left + wide > width and left > 8:
            left, row = 8, row + 1
        places.append((left, row * _ROW))
        left += wide
    image = Image.new("RGB", (width, (row + 1) * _ROW), BACKGROUND)
    draw = ImageDraw.Draw(image)
    for (index, name), (x, y) in zip(shown, places, strict=True):
        draw.rectangle([x, y + 3, x + 14, y + 17], fill=classes.palette[index])
        draw.text((x + 20, y + 10), name, fill=FINE_INK, font=letters, anchor="lm")
    return np.asarray(image)
