"""Which file to decode for a video: itself, or a copy whose motion can be used."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from arseg_lightning.file_lock import building
from arseg_lightning.video.cache import content_hash
from arseg_lightning.video.encode import EncodeSettings, Progress, reencode
from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.probe import probe, require_motion

__all__ = ["MotionSource", "copy_of", "usable_video"]

MotionSource = Literal["codec", "reencode"]

_HIGH_QUALITY_CRF = 18


def usable_video(
    video: Path, folder: Path, motion: MotionSource = "codec", progress: Progress | None = None
) -> Path:
    """Find the file to decode for a video.

    Args:
        video: The video.
        folder: Where copies are kept, filed under the content of the original.
        motion: ``codec`` uses the video as it is or refuses it; ``reencode`` makes an H.264 copy
            (one long GOP, one reference, no B-frames) of a video that is refused otherwise.
        progress: Is told the frames done and in total while a copy is made.

    Raises:
        NoMotionVectors: If the codec exports no vectors, or the pictures are turned.
    """
    try:
        require_motion(probe(video))
    except NoMotionVectors:
        if motion == "codec":
            raise
    else:
        return video
    copy = copy_of(video, folder)
    with building(copy) as missing:
        if missing:
            settings = EncodeSettings(
                keyframe_interval=None, crf=_HIGH_QUALITY_CRF, fps=probe(video).fps
            )
            reencode(video, copy, settings, progress)
    return copy


def copy_of(video: Path, folder: Path) -> Path:
    """The place of a video's copy, filed under the content of the original."""
    return folder / f"{video.stem}-{content_hash(video)}.mp4"
