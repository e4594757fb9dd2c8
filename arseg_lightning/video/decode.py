"""Turns a video file into frames, vectors, or picture types and motion, in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from arseg_lightning.types import Frame, size_text
from arseg_lightning.video.damage import Damage
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.matching import Matcher, Refinement
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.pictures import (
    NumberedPicture,
    ToFrame,
    export_motion,
    numbered_pictures,
    picture_type,
    skip_pixels,
)
from arseg_lightning.video.probe import VideoInfo, open_video, probe, require_motion
from arseg_lightning.video.timeline import read_timeline

__all__ = ["decode", "decode_motion", "matched_pictures", "pictures_with_vectors"]


def decode(path: Path | str, *, size: tuple[int, int] | None = None) -> Iterator[Frame]:
    """Decode a video from start to end, turned as it asks for.

    Of a damaged video everything is used that decodes. A frame that is lost between others is
    replaced by a copy of the one before it, so that every frame (and its label) keeps its index;
    what was lost is said in a warning at the end.

    Args:
        path: The video.
        size: Height and width that all frames are scaled to; their own by default.

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video.
        VideoError: If the size of the frames changes on the way and ``size`` is not given.
    """
    return _decode(probe(Path(path)), size)


def _decode(info: VideoInfo, size: tuple[int, int] | None) -> Iterator[Frame]:
    damage, to_frame = Damage(info.path), ToFrame(info.path, size)
    with open_video(info.path) as (container, stream):
        for numbered in numbered_pictures(container, stream, read_timeline(info.path), damage):
            frame = to_frame(numbered)
            _require_size(info, frame.index, frame.size, size or info.size)
            yield frame
    damage.warn()


def decode_motion(
    path: Path | str, refinement: Refinement = "auto"
) -> Iterator[tuple[str, BlockMotion]]:
    """Decode a video into the picture type and the motion of each frame, in display order.

    Damage is handled as :func:`decode` does; for ``refinement`` see :class:`Matcher`.

    Raises:
        NoMotionVectors: If it has no motion vectors that fit.
        VideoError: As :func:`decode`.
    """
    info = probe(Path(path))
    require_motion(info)
    for found, step in matched_pictures(info, refinement):
        yield picture_type(found), step


def matched_pictures(
    info: VideoInfo, refinement: Refinement = "auto"
) -> Iterator[tuple[NumberedPicture, BlockMotion]]:
    """Decode a video with usable vectors into pictures and their motion, in display order."""
    matcher = Matcher[NumberedPicture](refinement)
    for numbered in pictures_with_vectors(info):
        yield from matcher.push(numbered, numbered)
    yield from matcher.flush()


def pictures_with_vectors(info: VideoInfo, pixels: bool = True) -> Iterator[NumberedPicture]:
    """Decode a video with usable vectors into pictures that hold them, in display order.

    Args:
        info: The video.
        pixels: Whether the pictures are looked at, too: without, they are wrong and come sooner.
    """
    damage = Damage(info.path)
    with open_video(info.path) as (container, stream):
        export_motion(stream)
        # With frame threads, some P-frames between B-frames have other vectors, and others each
        # time (FFmpeg 8).
        stream.codec_context.thread_count = 1
        if not pixels:
            skip_pixels(stream)
        for numbered in numbered_pictures(container, stream, read_timeline(info.path), damage):
            picture = numbered.picture
            _require_size(info, numbered.place, (picture.height, picture.width), info.size)
            yield numbered
    damage.warn()


def _require_size(
    info: VideoInfo, index: int, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    if size != expected:
        raise VideoError(
            f"{info.path} changes its size: frame {index} is {size_text(size)}, the first is "
            f"{size_text(info.size)} (height x width); make a copy of one size: "
            f"python -m arseg_lightning encode --source {info.path} --output COPY.mp4"
        )
