"""Turns decoded pictures into frames: RGB, upright, with a picture type."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from arseg_lightning.types import Frame
from arseg_lightning.video.buffers import Buffers
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.pictures import NumberedPicture
from arseg_lightning.video.probe import Orientation

__all__ = ["ToFrame", "picture_type"]

_SHORT_TYPES = {"SI": "I", "BI": "B", "SP": "P", "S": "P"}


class ToFrame:
    """Turns pictures into frames, in the memory of images that nobody holds any more.

    Args:
        name: Their video, for messages.
        size: Height and width to scale to; their own by default.
        kept: How many images are held at a time, more or less.
    """

    def __init__(
        self, name: Path | str, size: tuple[int, int] | None = None, kept: int = 4
    ) -> None:
        self._name = name
        self._size = size
        self._buffers = Buffers(kept)
        self._reformatter = VideoReformatter()

    def __call__(self, numbered: NumberedPicture) -> Frame:
        """Convert the colours, scale, and turn as the file asks for.

        Raises:
            VideoError: If the colours cannot be converted.
        """
        picture = numbered.picture
        orientation = Orientation.of(picture)
        height, width = orientation.size(*self._size) if self._size else (None, None)
        try:
            converted = self._reformatter.reformat(picture, width, height, "rgb24")
        except av.FFmpegError as error:
            raise VideoError(
                f"{self._name} asks for colours that cannot be converted to RGB "
                f"({picture.format.name}, colour space {picture.colorspace}); its header is "
                f"damaged, get it again"
            ) from error
        turned = orientation.apply(converted.to_ndarray().astype(np.uint8, copy=False))
        image = self._buffers.take(turned.shape, np.uint8)
        np.copyto(image, turned)
        return Frame(numbered.place, numbered.seconds, picture_type(numbered), image)


def picture_type(numbered: NumberedPicture) -> str:
    """One letter; a copy in place of a lost picture is a P-frame at rest."""
    kind = "P" if numbered.is_copy else PictureType(numbered.picture.pict_type).name
    return _SHORT_TYPES.get(kind, kind)
