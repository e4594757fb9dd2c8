"""Label files, read as class indices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.datasets.lookup import colour_code, colour_codes, look_up
from arseg_lightning.types import ClassSet, size_text
from arseg_lightning.video.images import opened_image, wide_colours

__all__ = ["class_values", "read_label"]

# Pillow's names of formats that lose values; WebP has a form that does not.
_LOSSY = ("JPEG", "MPO")
# Share of a colour-coded label in colours that the class set does not know.
_MOST_UNKNOWN = 0.9


def read_label(
    path: Path, classes: ClassSet, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Read a label file as class indices, with ``classes.ignore_index`` where nothing counts.

    Single-channel images hold class indices or the class set's file values, RGB images its
    colours; so do palette images whose palette is made of them, and others hold indices. RGB
    images with 16 bits a channel hold indices in the first (SYNTHIA).

    Shapes:
        returns: (H, W) uint8

    Raises:
        FileNotFoundError: If the label is missing.
        ValueError: If its size is not ``size``, a value is no class, its colours are unknown, or it
            is a JPEG whatever its name.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; every labelled frame needs its file")
    with opened_image(path) as image:
        if image.format in _LOSSY:
            raise ValueError(
                f"{path} is a {image.format} under another name, and cannot be trusted with "
                f"classes: its compression changes values at every border; export the label as "
                f"PNG from where it was made"
            )
        wide = wide_colours(path) if image.format == "PNG" else None
        is_index = image.mode in ("L", "P", "I;16", "I") and not _holds_colours(image, classes)
        shown = np.asarray(image if is_index else image.convert("RGB"))
        pixels: NDArray[Any] = shown if wide is None else wide[..., 0]
    if size is not None and pixels.shape[:2] != size:
        raise ValueError(
            f"{path} is {size_text(pixels.shape)} (height x width), its frame is "
            f"{size_text(size)}; labels need the size of their frames: resize one of them "
            f"(labels by nearest neighbour)"
        )
    if pixels.ndim == 3:
        return _from_colours(path, pixels, classes)
    return _from_indices(path, pixels, classes)


def class_values(classes: ClassSet) -> tuple[list[int], int]:
    """Values of single-channel label files: one for each class, and one that is left out."""
    # Of several values of a class, the first is its own.
    first = {index: value for value, index in reversed(classes.file_values.items())}
    values = [first.get(index, index) for index in range(classes.num_classes)]
    void = [each for each in (classes.ignore_index, *classes.void_values) if each not in values]
    if not void:
        raise ValueError(
            f"{classes.name} has a class of the value {classes.ignore_index}, and no other value "
            f"to leave out; list one under its void_values"
        )
    return values, void[0]


def _holds_colours(image: Image.Image, classes: ClassSet) -> bool:
    """Whether a palette image spells classes by the colours of its palette."""
    if image.mode != "P" or not classes.file_colours:
        return False
    shown = image.convert("RGB").getcolors(256) or []
    used = image.getcolors(256) or []
    known = {*classes.file_colours, *classes.void_colours}
    # Indices whose colours are the same say more than their colours do.
    return len(shown) == len(used) and all(colour in known for _, colour in shown)


def _from_indices(path: Path, pixels: NDArray[np.integer], classes: ClassSet) -> NDArray[np.uint8]:
    """Map values to classes, void ones to ``ignore_index``, and refuse values that are neither."""
    known = classes.file_values or {index: index for index in range(classes.num_classes)}
    # One look-up for values of up to 16 bits; -1 marks what is no class.
    table = np.full(65536, -1, np.int16)
    table[[classes.ignore_index, *classes.void_values]] = classes.ignore_index
    table[list(known)] = list(known.values())  # of masks of 0 and 255, that may be a class
    wrong = (pixels < 0) | (pixels >= len(table))
    indices = np.where(wrong, -1, table[np.where(wrong, 0, pixels)])
    if (indices < 0).any():
        found = [int(value) for value in np.unique(pixels[indices < 0])[:8]]
        spelled = str(sorted(known)) if classes.file_values else f"0 to {classes.num_classes - 1}"
        raise ValueError(
            f"{path} holds the value(s) {found}, but {classes.name} has the classes {spelled} "
            f"and {classes.ignore_index} to leave out; use the class set of these labels, or "
            f"list the values under its void_values"
        )
    return indices.astype(np.uint8)


def _from_colours(path: Path, pixels: NDArray[np.uint8], classes: ClassSet) -> NDArray[np.uint8]:
    """Look each colour up; unknown colours are left out, but not if nearly all are unknown."""
    if not classes.file_colours:
        raise ValueError(
            f"{path} is an RGB image, but {classes.name} spells labels as single-channel class "
            f"indices; convert it, or set colour_coded in the class set's file"
        )
    codes = colour_codes(pixels)
    void = dict.fromkeys(classes.void_colours, classes.ignore_index)
    known = {colour_code(colour): index for colour, index in (void | classes.file_colours).items()}
    indices, hit = look_up(codes, known)
    share = 1 - float(hit.mean())
    if share > _MOST_UNKNOWN:
        values, counts = np.unique(codes[~hit], return_counts=True)
        commonest = values[np.argsort(-counts)[:3]].tolist()
        shown = ", ".join(f"({code >> 16}, {code >> 8 & 255}, {code & 255})" for code in commonest)
        raise ValueError(
            f"{share:.0%} of {path} has colours that {classes.name} does not know, most of all "
            f"{shown}; is it a label file, and is {classes.name} its class set? What "
            f"is to be left out belongs under void_colours"
        )
    return np.where(hit, indices, classes.ignore_index).astype(np.uint8)
