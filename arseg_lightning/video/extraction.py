"""Motion vectors of a video file for other programs: raw, dense, or composed to a keyframe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.ranges import check_range
from arseg_lightning.types import Motion
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import matched_pictures, pictures_with_vectors
from arseg_lightning.video.keyframes import may_be_keyframe
from arseg_lightning.video.matching import vectors_of
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.pictures import NumberedPicture, ToFrame, picture_type
from arseg_lightning.video.probe import VideoInfo, probe, require_motion
from arseg_lightning.video.vectors import VECTOR

__all__ = ["MotionFrame", "VectorFrame", "composed_motion", "dense_motion", "raw_vectors"]


@dataclass(frozen=True, slots=True, eq=False)
class VectorFrame:
    """One frame and its raw motion vectors, as the codec's decoder gives them."""

    index: int  # position in display order, from 0
    pts_seconds: float  # time after the first frame
    picture_type: str  # I, P or B
    size: tuple[int, int]  # height and width in pixels
    vectors: NDArray[np.void]  # (N,), of the type VECTOR; none in an I-frame
    image: NDArray[np.uint8] | None = None  # RGB, (H, W, 3), where asked for


@dataclass(frozen=True, slots=True, eq=False)
class MotionFrame:
    """One frame and its backward motion: ``current(p) = reference(p + motion(p))``."""

    index: int  # position in display order, from 0
    pts_seconds: float  # time after the first frame
    picture_type: str  # I, P or B
    reference: int | None  # the frame that motion leads to; None where it leads to none
    motion: NDArray[np.float32]  # (H, W, 2): x to the right and y down, in pixels
    valid: NDArray[np.bool_]  # (H, W): False where no vector led there and motion is filled in

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.valid.shape[0], self.valid.shape[1]


def raw_vectors(path: Path | str, *, images: bool = False) -> Iterator[VectorFrame]:
    """Read the motion vectors of a video, frame by frame in display order.

    Without images, colours are not converted, and the decoder leaves out what vectors do not
    depend on; they are the same. (In a damaged file, FFmpeg guesses the vectors of lost blocks by
    the picture: those alone may differ.)

    Args:
        path: The video: H.264, MPEG-4, MPEG-1, MPEG-2 or Sorenson H.263.
        images: Whether frames come with their image.

    Returns:
        Frames whose vectors are the codec's own records (:data:`VECTOR`): a block of ``w`` x ``h``
        pixels around (``dst_x``, ``dst_y``) was predicted from the block that lies
        (``motion_x``, ``motion_y``) / ``motion_scale`` pixels further, in an earlier (``source``
        below 0) or a later frame (above 0).

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video.
        NoMotionVectors: If its codec exports none, or its frames ask to be turned.
        VideoError: If the size of the frames changes on the way.
    """
    info = _usable(path)
    to_frame = ToFrame(info.path)
    for numbered in pictures_with_vectors(info, pixels=images):
        yield VectorFrame(
            numbered.place,
            numbered.seconds,
            picture_type(numbered),
            info.size,
            _own_vectors(numbered),
            to_frame(numbered).image if images else None,
        )


def dense_motion(path: Path | str) -> Iterator[MotionFrame]:
    """Read the motion of each frame to the one shown before it, a vector for each pixel.

    Which picture a vector leads to is found by comparing pictures, so they are decoded in full.
    I-frames, and the first frame, have no reference: zero motion, nowhere valid.

    Raises:
        FileNotFoundError, NotAVideo, NoMotionVectors, VideoError: As :func:`raw_vectors`.
    """
    info = _usable(path)
    chain = MotionChain(info.size)
    for numbered, step in matched_pictures(info):
        place, reference = numbered.place, None
        if place:
            chain.restart(place - 1, step)
            chain.push(step)
            reference = None if picture_type(numbered) == "I" else place - 1
        motion = chain.motion(place) if reference is not None else Motion.nowhere(*info.size)
        yield _motion_frame(numbered, reference, motion)


def composed_motion(path: Path | str, keyframe_interval: int = 12) -> Iterator[MotionFrame]:
    """Read the motion of each frame to the last keyframe, composed along the vectors.

    Keyframes are the I-frames, and every L-th frame after the last one; where that is a B-frame,
    the next frame that is none. A keyframe leads to itself, with zero motion. Pictures are decoded
    in full, as for :func:`dense_motion`.

    Args:
        path: The video.
        keyframe_interval: L, in frames.

    Raises:
        FileNotFoundError, NotAVideo, NoMotionVectors, VideoError: As :func:`raw_vectors`.
        ValueError: If the interval is not at least 1.
    """
    check_range(1, keyframe_interval=keyframe_interval)
    info = _usable(path)
    chain, keyframe = MotionChain(info.size), 0
    for numbered, step in matched_pictures(info):
        place = numbered.place
        if place:
            chain.push(step)
        if _is_keyframe(numbered, step, place - keyframe, keyframe_interval):
            keyframe = place
            chain.restart(place)
        yield _motion_frame(numbered, keyframe, chain.motion(place))


def _usable(path: Path | str) -> VideoInfo:
    info = probe(path)
    require_motion(info, can_reencode=False)
    return info


def _is_keyframe(
    numbered: NumberedPicture, step: BlockMotion, distance: int, keyframe_interval: int
) -> bool:
    if numbered.place == 0 or picture_type(numbered) == "I":
        return True
    is_due = distance >= keyframe_interval
    return is_due and may_be_keyframe(distance, keyframe_interval, step.kind == "anchor")


def _own_vectors(numbered: NumberedPicture) -> NDArray[np.void]:
    """The vectors in memory of their own: the decoder's would keep the picture alive."""
    if numbered.is_copy:
        return np.zeros(0, VECTOR)
    # as bytes: NumPy copies records with gaps field by field, 40 times as slowly
    return vectors_of(numbered.picture).view(np.uint8).copy().view(VECTOR)


def _motion_frame(numbered: NumberedPicture, reference: int | None, motion: Motion) -> MotionFrame:
    return MotionFrame(
        numbered.place,
        numbered.seconds,
        picture_type(numbered),
        reference,
        np.ascontiguousarray(motion.xy.transpose(1, 2, 0)),
        motion.valid,
    )
