"""Image files, and folders of them as frames in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from arseg_lightning.files import natural_key
from arseg_lightning.video.errors import VideoError

__all__ = ["image_files", "image_size", "opened_image", "read_image", "wide_colours"]

_ENDINGS = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_WIDE = ("I;16", "I;16B", "I;16L", "I;16N", "I")
"""Pillow's modes of grey images with 16 bits (some are opened with 32)."""


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder, numbers in natural order; hidden files do not count."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
    visible = (path for path in files if not path.name.startswith("."))
    return sorted(visible, key=lambda path: natural_key(path.stem))


def read_image(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Read an image file as RGB, upright as its camera says (EXIF).

    Grey images of 16 bits are scaled to 8 by their full range.

    Args:
        path: The file.
        size: Height and width that it is scaled to; its own by default.

    Shapes:
        returns: (H, W, 3) uint8

    Raises:
        FileNotFoundError: If there is no such file.
        VideoError: If it is not an image, ends too early, or holds values of no known range.
    """
    with opened_image(path) as image:
        if image.mode == "F":
            raise VideoError(
                f"{path} holds floating-point values, whose range nobody knows; save it with 8 or "
                f"16 bits"
            )
        if image.mode in _WIDE:
            wide = np.asarray(image, np.int64)
            image = Image.fromarray((wide.clip(0, 65535) >> 8).astype(np.uint8))
        image = image.convert("RGB")
        if size is not None and size != (image.height, image.width):
            image = image.resize((size[1], size[0]), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(image)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image file, from its header.

    Raises:
        FileNotFoundError: If there is no such file.
        VideoError: If it is not an image.
    """
    with opened_image(path) as image:
        return image.height, image.width


def wide_colours(path: Path) -> NDArray[np.uint16] | None:
    """The values of an RGB PNG with 16 bits a channel, (H, W, 3); Pillow drops the lower eight.

    None for all other images.
    """
    with path.open("rb") as stream:
        depth_and_kind = stream.read(26)[24:]
    if depth_and_kind not in (b"\x10\x02", b"\x10\x06"):  # RGB, RGBA
        return None
    with av.open(path) as file:
        picture = next(file.decode(video=0))
        return picture.to_ndarray(format="rgb48le").astype(np.uint16)


@contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """Open an image file, upright; errors in the block name the file.

    Raises:
        FileNotFoundError: If there is no such file.
        VideoError: If it is not an image, or cannot be read to its end.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; give an image file that is there")
    try:
        with Image.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)
            yield image
    except UnidentifiedImageError as error:
        raise VideoError(f"{path} is not an image that can be read; replace it") from error
    except (OSError, SyntaxError) as error:  # what Pillow calls a broken PNG
        raise VideoError(f"{path} ends too early or is damaged ({error}); replace it") from error
