"""Where encoded sequences and their motion live on disk."""

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
from arseg_lightning.video.video_motion import VideoMotion

__all__ = ["ClipStore"]


class ClipStore:
    """Encodes sequences that are no videos yet, and keeps the motion of all of them.

    Encoded files are named after the sequence and a hash of its frames and the encoder's
    settings, so a change of either makes a new file and no stale file is ever read.

    Args:
        root: Folder of the store.
        encoding: How sequences are encoded.
        motion_source: ``codec`` uses a video's own vectors and refuses videos without usable
            ones; ``reencode`` makes an H.264 copy of those.
        chaining: How motion is composed when it is read; nothing on disk depends on it.
    """

    def __init__(
        self,
        root: Path,
        encoding: EncodeSettings,
        motion_source: MotionSource = "codec",
        chaining: Chaining = "subpixel",
    ) -> None:
        check_words(motion=(motion_source, MotionSource), chaining=(chaining, Chaining))
        self.root = Path(root)
        self.encoding = encoding
        self.motion_source = motion_source
        self.chaining: Chaining = chaining
        self.cache = MotionCache(self.root / "motion")
        self.frames = FrameCache(self.root / "frames")

    def prepare(self, sequence: LabelledVideo, with_motion: bool = True) -> bool:
        """Encode a sequence and extract its motion, unless both are there already.

        Args:
            sequence: The sequence.
            with_motion: Whether motion is wanted; without, a video needs no preparation.

        Returns:
            Whether anything had to be made.
        """
        if sequence.video is not None:
            return self.prepare_video(sequence.video) if with_motion else False
        path = self.video(sequence)
        with building(path) as missing:
            if missing:
                settings = replace(self.encoding, fps=sequence.fps)
                encode_frames(sequence.images(), path, settings)
        return (self.cache.ensure(path) if with_motion else False) or missing

    def prepare_video(self, video: Path) -> bool:
        """Extract a video's motion, from a copy where its own cannot be used, unless it is there.

        Returns:
            Whether it had to be extracted.
        """
        missing = not self._is_ready(video)
        self.cache.ensure(self.usable(video))
        return missing

    def has(self, sequence: LabelledVideo, with_motion: bool = True) -> bool:
        """Whether a sequence is prepared; nothing is decoded and nothing written to find out."""
        if not with_motion:
            return sequence.video is not None or self.video(sequence).is_file()
        if sequence.video is None:
            return self._has_motion(self.video(sequence))
        return self._is_ready(sequence.video)

    def _is_ready(self, video: Path) -> bool:
        """Whether the motion of a video or of its copy is there, whichever is to be used."""
        return self._fits(video) or (
            self.motion_source == "reencode" and self._has_motion(self._copy(video))
        )

    def _fits(self, video: Path) -> bool:
        """Whether a video's own motion is there and can be used."""
        return self._has_motion(video) and self.cache.read(video).evidence.obstacle() is None

    def _has_motion(self, video: Path) -> bool:
        return video.is_file() and self.cache.entry(video).is_file()

    def video(self, sequence: LabelledVideo, with_motion: bool = True) -> Path:
        """The file that holds the sequence's frames, once it is prepared.

        Args:
            sequence: The sequence.
            with_motion: Whether its motion is wanted too; without, a video is taken as it is.
        """
        if sequence.video is not None:
            return self._decided(sequence.video) if with_motion else sequence.video
        settings = replace(self.encoding, fps=sequence.fps)
        what = sequence.identity + json.dumps(asdict(settings), sort_keys=True, default=str)
        digest = hashlib.sha256(what.encode()).hexdigest()[:16]
        return self.root / "videos" / f"{sequence.name}-{digest}.mp4"

    def usable(self, video: Path, progress: Progress | None = None) -> Path:
        """The file to decode for a video: itself, or its H.264 copy, as its motion says.

        Raises:
            NoMotionVectors: If it would have to be the copy and ``motion_source`` is ``codec``.
        """
        folder = self.root / "copies"
        return usable_video(video, folder, self.cache, self.motion_source, progress)

    def _decided(self, video: Path) -> Path:
        """The same for a prepared video, without decoding anything."""
        is_own = self.motion_source == "codec" or self._fits(video)
        return video if is_own else self._copy(video)

    def _copy(self, video: Path) -> Path:
        return copy_of(video, self.root / "copies")

    def motion(self, sequence: LabelledVideo) -> VideoMotion:
        """The motion of a prepared sequence, without decoding anything."""
        return self.motion_of(self.video(sequence))

    def motion_of(self, video: Path) -> VideoMotion:
        """The motion of a video whose motion is cached, without decoding anything."""
        return self.cache.read(video, self.chaining)
