"""Turns decoded pictures into frames: RGB, upright, with a picture type and motion vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from arseg_lightning.types import Frame
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.pictures import NumberedPicture
from arseg_lightning.video.vectors import VECTOR

__all__ = ["motion_vectors", "to_frame"]

_SHORT_TYPES = {"SI": "I", "BI": "B", "SP": "P", "S": "P"}


def to_frame(
    numbered: NumberedPicture,
    path: Path | str,
    seconds: Callable[[int], float],
    motion: bool = False,
    size: tuple[int, int] | None = None,
) -> Frame:
    """Turn a decoded picture into a frame.

    Args:
        numbered: The picture and its index.
        path: Its video, for messages.
        seconds: Gives the time of a frame.
        motion: Also take the vectors.
        size: Height and width to scale to.

    Raises:
        VideoError: If its colours cannot be converted.
    """
    index, picture, is_copy = numbered
    kind = "P" if is_copy else PictureType(picture.pict_type).name
    return Frame(
        index=index,
        pts_seconds=seconds(index),
        picture_type=_SHORT_TYPES.get(kind, kind),
        image=_to_rgb(picture, path, size),
        vectors=motion_vectors(picture, is_copy) if motion else None,
    )


def _to_rgb(
    picture: VideoFrame, path: Path | str, size: tuple[int, int] | None
) -> NDArray[np.uint8]:
    """Convert to RGB, scale, and turn as the file asks for."""
    quarter_turns = picture.rotation // 90 % 4
    height, width = size or (None, None)
    if quarter_turns % 2:
        height, width = width, height
    try:
        image = picture.to_ndarray(format="rgb24", height=height, width=width)
    except av.FFmpegError as error:
        raise VideoError(
            f"{path} asks for colours that cannot be converted to RGB ({picture.format.name}, "
            f"colour space {picture.colorspace}); its header is damaged, get it again"
        ) from error
    return np.ascontiguousarray(np.rot90(image, quarter_turns))


def motion_vectors(picture: VideoFrame, is_copy: bool = False) -> NDArray[np.void]:
    """A picture's vectors, copied out of it so that they do not keep all of it in memory."""
    found = None if is_copy else picture.side_data.get("MOTION_VECTORS")
    return np.zeros(0, VECTOR) if found is None else found.to_ndarray().copy()
