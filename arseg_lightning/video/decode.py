"""Turns a video file into frames with picture types and motion vectors, in one pass."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.types import Frame
from arseg_lightning.video.errors import VideoDamageWarning, VideoError
from arseg_lightning.video.probe import frame_rate, open_video, probe, require_motion

__all__ = ["decode", "read_frames"]


def decode(
    path: Path | str, *, motion: bool = False, size: tuple[int, int] | None = None
) -> Iterator[Frame]:
    """Decode a video from start to end.

    Args:
        path: The video.
        motion: Also give the codec's motion vectors.
        size: Height and width to scale the pictures to; their own by default.

    Yields:
        The frames in display order, turned as the file asks for.
    """
    path = Path(path)
    if motion:
        require_motion(probe(path))
    with open_video(path) as (container, stream):
        if motion:
            stream.codec_context.options = {"flags2": "+export_mvs"}
        stream.thread_type = "AUTO"
        start = stream.start_time or 0
        failed = 0
        index = 0
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                failed += 1
                continue
            for picture in pictures:
                yield _to_frame(picture, index, start, stream, motion)
                index += 1
        if failed:
            warnings.warn(
                VideoDamageWarning(f"{path}: {failed} packets could not be decoded"), stacklevel=2
            )


def read_frames(path: Path | str, indices: Iterable[int]) -> dict[int, Frame]:
    """Decode some frames of a video, by their place in display order.

    Raises:
        IndexError: If the video has no such frame.
    """
    wanted = set(indices)
    found: dict[int, Frame] = {}
    for frame in decode(path):
        if frame.index in wanted:
            found[frame.index] = frame
            if len(found) == len(wanted):
                break
    missing = sorted(wanted - set(found))
    if missing:
        raise IndexError(f"{path} has no frame {missing[0]}")
    return found


def _to_frame(
    picture: VideoFrame, index: int, start: int, stream: VideoStream, motion: bool
) -> Frame:
    image = picture.to_ndarray(format="rgb24")
    if picture.rotation:
        image = np.ascontiguousarray(np.rot90(image, picture.rotation // 90))
    pts = picture.pts
    seconds = (
        (pts - start) * float(picture.time_base)
        if pts is not None
        else index / float(frame_rate(stream))
    )
    return Frame(
        index,
        seconds,
        PictureType(picture.pict_type).name[0],
        image,
        _vectors(picture) if motion else None,
    )


_VECTOR = np.dtype(
    [
        ("source", "int32"),
        ("w", "uint8"),
        ("h", "uint8"),
        ("src_x", "int16"),
        ("src_y", "int16"),
        ("dst_x", "int16"),
        ("dst_y", "int16"),
        ("flags", "uint64"),
        ("motion_x", "int32"),
        ("motion_y", "int32"),
        ("motion_scale", "uint16"),
    ],
    align=True,
)


def _vectors(picture: VideoFrame) -> NDArray[np.void]:
    """The vectors that came with a picture, copied so that they do not hold the picture."""
    data = picture.side_data.get("MOTION_VECTORS")
    return np.zeros(0, _VECTOR) if data is None else data.to_ndarray().copy()
