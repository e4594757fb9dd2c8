"""Reads image files, and folders of them as frames in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import size_text
from arseg_lightning.video.errors import VideoError

__all__ = ["image_files", "read_image", "read_images"]

_ENDINGS = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder, by name; hidden files do not count."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
    return sorted(path for path in files if not path.name.startswith("."))


def read_images(
    paths: list[Path], size: tuple[int, int] | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Read image files one after the other.

    Args:
        paths: The files; all of one size, unless ``size`` is given.
        size: Height and width that all are scaled to.

    Raises:
        VideoError: If a file is no image, or differs in size from the first one.
    """
    first: tuple[int, ...] | None = None
    for path in paths:
        image = read_image(path, size)
        first = first or image.shape[:2]
        if image.shape[:2] != first:
            raise VideoError(
                f"{path} is {size_text(image.shape)}, {paths[0].name} is "
                f"{size_text(first)} (height x width); frames need one size: remove the odd "
                f"one, or scale all of them (--size)"
            )
        yield image


def read_image(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Read an image file as RGB.

    Args:
        path: The file.
        size: Height and width that it is scaled to; its own by default.

    Shapes:
        returns: (H, W, 3) uint8

    Raises:
        FileNotFoundError: If there is no such file.
        VideoError: If it is not an image.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give an image file")
    height, width = size or (None, None)
    try:
        with av.open(str(path)) as container:
            picture = next(container.decode(video=0))
            pixels = picture.to_ndarray(format="rgb24", height=height, width=width)
            return np.asarray(pixels, np.uint8)
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise VideoError(f"{path} is not an image that can be read; replace it") from error
