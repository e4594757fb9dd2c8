"""Reading images and label files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from arseg_lightning.types import ClassSet, size_text

__all__ = ["LabelError", "image_size", "read_image", "read_label"]


_LOSSY = ("JPEG", "MPO")
"""Pillow's names of formats that lose values; WebP has a form that does not."""


class LabelError(ValueError):
    """A label file does not fit its frame or its class set."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file as RGB.

    Shapes:
        returns: (H, W, 3) uint8

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an image.
    """
    with _opened(path) as image:
        return np.asarray(image.convert("RGB"))


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image file, from its header.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an image.
    """
    with _opened(path) as image:
        return image.height, image.width


def read_label(
    path: Path, classes: ClassSet, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Read a label file as class indices, with ``classes.ignore_index`` where nothing counts.

    Single-channel and palette images hold class indices or the class set's file values; RGB
    images hold its colours.

    Args:
        path: The label file.
        classes: The classes, and how files spell them.
        size: Height and width that the label must have.

    Shapes:
        returns: (H, W) uint8

    Raises:
        FileNotFoundError: If the label is missing.
        LabelError: If its size is another, a value is no class, or its colours are unknown, or
            it is a JPEG whatever its name.
    """
    with _opened(path) as image:
        if image.format in _LOSSY:
            raise LabelError(
                f"{path} is a {image.format} under another name, and cannot be trusted with "
                f"classes: its compression changes values at every border; export the label as "
                f"PNG from where it was made"
            )
        pixels = np.asarray(
            image if image.mode in ("L", "P", "I;16", "I") else image.convert("RGB")
        )
    if size is not None and pixels.shape[:2] != size:
        raise LabelError(
            f"{path} is {size_text(pixels.shape)} (height x width), its frame is "
            f"{size_text(size)}; labels need the size of their frames: resize one of them "
            f"(labels by nearest neighbour)"
        )
    if pixels.ndim == 3:
        return _from_colours(path, pixels, classes)
    return _from_indices(path, pixels, classes)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file, or say which one it is if it cannot be opened or read to its end."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; every labelled frame needs its file")
    try:
        with Image.open(path) as image:
            yield image
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not an image that can be read; replace it") from error
    except (OSError, SyntaxError) as error:  # what Pillow calls a broken PNG
        raise ValueError(f"{path} ends too early or is damaged ({error}); replace it") from error


def _from_indices(path: Path, pixels: NDArray[np.integer], classes: ClassSet) -> NDArray[np.uint8]:
    """Map values to classes, void ones to ``ignore_index``, and refuse values that are neither."""
    known = classes.file_values or {index: index for index in range(classes.num_classes)}
    table = np.full(65536, -1, np.int16)
    table[list(known)] = list(known.values())
    table[[classes.ignore_index, *classes.void_values]] = classes.ignore_index
    wrong = (pixels < 0) | (pixels >= len(table))
    indices = np.where(wrong, -1, table[np.where(wrong, 0, pixels)])
    if (indices < 0).any():
        found = [int(value) for value in np.unique(pixels[indices < 0])[:8]]
        spelled = str(sorted(known)) if classes.file_values else f"0 to {classes.num_classes - 1}"
        raise LabelError(
            f"{path} holds the value(s) {found}, but {classes.name} has the classes {spelled} "
            f"and {classes.ignore_index} to leave out; use the class set of these labels, or "
            f"list the values under its void_values"
        )
    return indices.astype(np.uint8)


def _from_colours(path: Path, pixels: NDArray[np.uint8], classes: ClassSet) -> NDArray[np.uint8]:
    """Look each colour up; unknown colours are left out, but not if all are unknown."""
    if not classes.file_colours:
        raise LabelError(
            f"{path} is an RGB image, but {classes.name} spells labels as single-channel class "
            f"indices; convert it, or set colour_coded in the class set's file"
        )
    codes = pixels.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    known = {(r << 16) + (g << 8) + b: index for (r, g, b), index in classes.file_colours.items()}
    order = np.array(sorted(known), np.int32)
    indices = np.array([known[code] for code in order.tolist()], np.uint8)
    place = np.searchsorted(order, codes).clip(max=len(order) - 1)
    hit = order[place] == codes
    if not hit.any():
        raise LabelError(
            f"no pixel of {path} has a colour of {classes.name}; is it a label file, and is "
            f"{classes.name} its class set?"
        )
    return np.where(hit, indices[place], classes.ignore_index).astype(np.uint8)
