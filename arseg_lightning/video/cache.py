"""Motion on disk: extracted once for each video, or for a copy where it has none that fits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

from arseg_lightning.files import building, remedy_for, replacing
from arseg_lightning.ranges import check_words
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.decode import decode_motion
from arseg_lightning.video.encode import EncodeSettings, Progress, reencode
from arseg_lightning.video.errors import CannotWrite, NoMotionVectors, VideoError
from arseg_lightning.video.matching import Refinement
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.motion_file import write_motion
from arseg_lightning.video.probe import VideoInfo, motion_remedy, probe, require_motion
from arseg_lightning.video.video_motion import VideoMotion

__all__ = ["MotionCache", "MotionSource", "NotCached", "content_hash", "copy_of", "usable_video"]

MotionSource = Literal["codec", "reencode"]

_COPY_CRF = 18

_VERSION = 8
"""Goes up when extraction or the file changes, so that entries of an older kind never answer."""


class NotCached(VideoError):
    """The cache has no entry for a video."""


class MotionCache:
    """A folder with one entry a video, filed under a hash of the video's content.

    Entries appear complete or not at all. Of several processes that want one at the same time, one
    extracts it and the others wait; an interrupted build goes on with the next video.

    Args:
        root: The folder.
        refinement: How motion is extracted, see :class:`~arseg_lightning.video.matching.Matcher`.
    """

    def __init__(self, root: Path, refinement: Refinement = "auto") -> None:
        check_words(refinement=(refinement, Refinement))
        self.root = Path(root)
        self.refinement: Refinement = refinement

    def entry(self, video: Path) -> Path:
        """Where a video's entry is or will be."""
        kind = "" if self.refinement == "auto" else f"-{self.refinement}-refined"
        return self.root / f"{content_hash(video)}{kind}-v{_VERSION}.motion"

    def read(self, video: Path, chaining: Chaining = "subpixel") -> VideoMotion:
        """Open a video's entry; nothing is decoded.

        Raises:
            NotCached: If there is none.
        """
        entry = self.entry(video)
        if not entry.is_file():
            raise NotCached(
                f"the motion of {video} is not in {self.root}; it is extracted by "
                f"`python -m arseg_lightning prepare`, by any fit or test on one process "
                f"(prepare_data), or by MotionCache.ensure"
            )
        return VideoMotion(entry, chaining)

    def ensure(self, video: Path, progress: Progress | None = None) -> bool:
        """Extract a video's motion unless it is there already; whether it was missing.

        Raises:
            NoMotionVectors: If its codec exports none that fit.
            CannotWrite: If the folder is read-only or full.
        """
        entry = self.entry(video)
        if entry.is_file():
            return False
        info = probe(video)
        require_motion(info)
        with building(entry) as missing:
            if missing:
                self._build(info, entry, progress)
        return missing

    def _build(self, info: VideoInfo, entry: Path, progress: Progress | None) -> None:
        def extracted() -> Iterator[tuple[str, BlockMotion]]:
            for index, found in enumerate(decode_motion(info.path, self.refinement)):
                yield found
                if progress is not None:
                    progress(index + 1, info.num_frames)

        try:
            with replacing(entry) as partial, partial.open("wb") as file:
                write_motion(file, extracted(), info.size, info.fps)
        except OSError as error:
            raise CannotWrite(
                f"cannot write the motion of {info.path} to {self.root}: "
                f"{error.strerror or error}; {remedy_for(error, 'choose a writable folder')} "
                f"(data.store)"
            ) from error


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
        folder: Where copies are kept.
        cache: Where motion is kept.
        motion: ``codec`` uses the video as it is or refuses it; ``reencode`` makes an H.264 copy
            (one long GOP, one reference, no B-frames) of a video that is refused otherwise.
        progress: Is told the frames done and in total.

    Raises:
        NoMotionVectors: If the codec exports no vectors, they lead to nothing alike, or the
            frames are turned.
    """
    try:
        require_motion(probe(video))
        # whether vectors are motion is known when all have been matched
        cache.ensure(video, progress)
        if what := cache.read(video).evidence.obstacle():
            raise NoMotionVectors(f"{video} {what}; {motion_remedy(video)}")
        return video
    except NoMotionVectors:
        if motion == "codec":
            raise
    copy = copy_of(video, folder)
    with building(copy) as missing:
        if missing:
            settings = EncodeSettings(keyframe_interval=None, crf=_COPY_CRF, fps=probe(video).fps)
            reencode(video, copy, settings, progress)
    return copy


def copy_of(video: Path, folder: Path) -> Path:
    """The place of a video's copy, filed under the content of the original."""
    return folder / f"{video.stem}-{content_hash(video)}.mp4"


def content_hash(path: Path) -> str:
    """Hash a file's content; hashed again only if its size or time changes."""
    stat = path.stat()
    return _hash(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _hash(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:24]
