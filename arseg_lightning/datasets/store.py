"""The store of encoded clips and their motion on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.files import building
from arseg_lightning.ranges import check_words
from arseg_lightning.video.cache import MotionCache, MotionSource, copy_of, usable_video
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.encode import EncodeSettings, Progress, encode_frames
from arseg_lightning.video.frame_cache import FrameCache
from arseg_lightning.video.matching import Refinement
from arseg_lightning.video.video_motion import VideoMotion

__all__ = ["ClipStore"]


class ClipStore:
    """Encodes labelled videos that are no files yet, and keeps the motion of all of them.

    Encoded files are named after a hash of their frames and the encoder's settings, so a change of
    either makes a new file and no stale file is ever read.

    ``motion_source`` ``codec`` refuses videos without usable vectors, ``reencode`` makes an H.264
    copy of those; ``chaining`` is how motion is composed when it is read: nothing on disk depends
    on it.
    """

    def __init__(
        self,
        root: Path,
        encoding: EncodeSettings,
        motion_source: MotionSource = "codec",
        chaining: Chaining = "subpixel",
        refinement: Refinement = "auto",
    ) -> None:
        check_words(motion=(motion_source, MotionSource), chaining=(chaining, Chaining))
        self.root = Path(root)
        self.encoding = encoding
        self.motion_source = motion_source
        self.chaining: Chaining = chaining
        self.cache = MotionCache(self.root / "motion", refinement)
        self.frames = FrameCache(self.root / "frames")

    def prepare(self, video: LabelledVideo, with_motion: bool = True) -> bool:
        """Encode a labelled video and extract its motion if wanted; whether either was missing."""
        if video.video is not None:
            return self.prepare_video(video.video) if with_motion else False
        path = self.video(video)
        with building(path) as missing:  # others wait, and find it
            if missing:
                encode_frames(video.images(), path, replace(self.encoding, fps=video.fps))
        return (self.cache.ensure(path) if with_motion else False) or missing

    def prepare_video(self, video: Path) -> bool:
        """Extract a video's motion, or that of its copy; whether it was missing."""
        if self._ready_file(video) is not None:
            return False
        self.cache.ensure(self.usable(video))
        return True

    def _ready_file(self, file: Path) -> Path | None:
        """The video file or its copy, whichever is to be used, if its motion is there."""
        if self._has_motion(file) and self.cache.read(file).evidence.obstacle() is None:
            return file
        copy = copy_of(file, self.root / "copies")
        return copy if self.motion_source == "reencode" and self._has_motion(copy) else None

    def _has_motion(self, file: Path) -> bool:
        return file.is_file() and self.cache.entry(file).is_file()

    def video(self, video: LabelledVideo, with_motion: bool = True) -> Path:
        """The file of a labelled video's frames, once prepared; without motion, a file as it is."""
        file = video.video
        if file is not None:
            if not with_motion or self.motion_source == "codec":
                return file
            return self._ready_file(file) or copy_of(file, self.root / "copies")
        settings = replace(self.encoding, fps=video.fps)
        what = video.identity + json.dumps(asdict(settings), sort_keys=True, default=str)
        digest = hashlib.sha256(what.encode()).hexdigest()[:16]
        return self.root / "videos" / f"{video.name}-{digest}.mp4"

    def usable(self, video: Path, progress: Progress | None = None) -> Path:
        """The file to decode for a video: itself, or its H.264 copy if its motion is not usable.

        Raises:
            NoMotionVectors: If it would have to be the copy and ``motion_source`` is ``codec``.
        """
        folder = self.root / "copies"
        return usable_video(video, folder, self.cache, self.motion_source, progress)

    def motion_of(self, video: Path) -> VideoMotion:
        """The motion of a video whose motion is cached, without decoding anything."""
        return self.cache.read(video, self.chaining)
