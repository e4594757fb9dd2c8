"""Which file to decode for a video: itself, or a copy whose motion can be used."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from arseg_lightning.files import building
from arseg_lightning.video.cache import MotionCache, content_hash
from arseg_lightning.video.encode import EncodeSettings, Progress, reencode
from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.probe import motion_remedy, probe, require_motion

__all__ = ["MotionSource", "copy_of", "usable_video"]

MotionSource = Literal["codec", "reencode"]

_HIGH_QUALITY_CRF = 18


def usable_video(
    video: Path,
    folder: Path,
    cache: MotionCache,
    motion: MotionSource = "codec",
    progress: Progress | None = None,
) -> Path:
    """Find the file to decode for a video; what has to be known of its motion is then cached.

    Args:
        video: The video.
        folder: Where copies are kept, filed under the content of the original.
        cache: Where motion is kept.
        motion: ``codec`` uses the video as it is or refuses it; ``reencode`` makes an H.264 copy
            (one long GOP, one reference, no B-frames) of a video that is refused otherwise.
        progress: Is told the frames done and in total while motion is extracted or a copy made.

    Raises:
        NoMotionVectors: If the codec exports no vectors, they lead to nothing alike, or the
            pictures are turned.
    """
    try:
        _require_match(video, cache, progress)
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


def _require_match(video: Path, cache: MotionCache, progress: Progress | None) -> None:
    """Refuse a video whose vectors are not its motion; to know it, they are extracted.

    Raises:
        NoMotionVectors: If they lead to nothing alike, or there are none that fit.
    """
    require_motion(probe(video))
    cache.ensure(video, progress)
    what = cache.read(video).evidence.obstacle()
    if what is not None:
        raise NoMotionVectors(f"{video} {what}; {motion_remedy(video)}")
