"""Turns decoded pictures into frames: RGB, upright, with a picture type and motion vectors."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from arseg_lightning.types import Frame
from arseg_lightning.video.buffers import Buffers
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.orientation import Orientation
from arseg_lightning.video.pictures import NumberedPicture
from arseg_lightning.video.vectors import VECTOR

__all__ = ["ToRgb", "motion_vectors", "picture_type", "to_frame"]

_SHORT_TYPES = {"SI": "I", "BI": "B", "SP": "P", "S": "P"}


def to_frame(
    numbered: NumberedPicture,
    path: Path | str,
    motion: bool = False,
    size: tuple[int, int] | None = None,
    rgb: ToRgb | None = None,
) -> Frame:
    """Turn a decoded picture into a frame.

    Args:
        numbered: The picture and its index.
        path: Its video, for messages.
        motion: Also take the vectors.
        size: Height and width to scale to.
        rgb: Converts the colours; one for all frames of a video is faster than the default.

    Raises:
        VideoError: If its colours cannot be converted.
    """
    index, picture, seconds, is_copy = numbered
    rgb = rgb or ToRgb()
    return Frame(
        index=index,
        pts_seconds=seconds,
        picture_type=picture_type(numbered),
        image=_upright(picture, path, size, rgb),
        vectors=motion_vectors(picture, is_copy, rgb.buffers) if motion else None,
    )


def picture_type(numbered: NumberedPicture) -> str:
    """One letter; a copy in place of a lost picture is a P-frame at rest."""
    kind = "P" if numbered.is_copy else PictureType(numbered.picture.pict_type).name
    return _SHORT_TYPES.get(kind, kind)


class ToRgb:
    """Converts pictures to RGB, and uses the memory of images that nobody holds any more.

    Args:
        kept: How many images are held at a time, more or less.
    """

    def __init__(self, kept: int = 4) -> None:
        self.buffers = Buffers(2 * kept)
        """Memory of images, and of their vectors."""
        self._reformatter = VideoReformatter()

    def __call__(
        self,
        picture: VideoFrame,
        height: int | None,
        width: int | None,
        orientation: Orientation,
    ) -> NDArray[np.uint8]:
        """Convert, scale and turn a picture."""
        converted = self._reformatter.reformat(picture, width, height, "rgb24")
        turned = orientation.apply(converted.to_ndarray().astype(np.uint8, copy=False))
        image = self.buffers.take(turned.shape, np.uint8)
        np.copyto(image, turned)
        return image


def _upright(
    picture: VideoFrame, path: Path | str, size: tuple[int, int] | None, rgb: ToRgb
) -> NDArray[np.uint8]:
    """Convert to RGB, scale, and turn as the file asks for."""
    orientation = Orientation.of(picture)
    height, width = orientation.size(*size) if size else (None, None)
    try:
        return rgb(picture, height, width, orientation)
    except av.FFmpegError as error:
        raise VideoError(
            f"{path} asks for colours that cannot be converted to RGB ({picture.format.name}, "
            f"colour space {picture.colorspace}); its header is damaged, get it again"
        ) from error


def motion_vectors(
    picture: VideoFrame, is_copy: bool = False, buffers: Buffers | None = None
) -> NDArray[np.void]:
    """A picture's vectors, copied out of it so that they do not keep all of it in memory."""
    found = None if is_copy else picture.side_data.get("MOTION_VECTORS")
    if found is None:
        return np.zeros(0, VECTOR)
    vectors: NDArray[np.void] = found.to_ndarray()
    if buffers is None:
        return vectors.copy()
    kept = buffers.take(vectors.shape, vectors.dtype)
    kept.view(np.uint8)[:] = vectors.view(np.uint8)  # field by field takes ten times as long
    return kept
