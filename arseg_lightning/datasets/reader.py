"""Reader of the parts of a clip: frames, labels and composed motion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.types import Motion
from arseg_lightning.video.frame_reader import FrameReader
from arseg_lightning.video.timeline import read_timeline
from arseg_lightning.video.video_motion import VideoMotion

__all__ = ["ClipReader", "FrameOrigin"]

FrameOrigin = Literal["decoded", "original"]


class ClipReader:
    """Reads the parts of a clip from the store, in which the videos are prepared.

    ``decoded`` frames are as a decoder gives them; ``original`` ones as they were before any
    compression by us. ``kept_bytes`` of memory keep images that were decoded last, for frames
    shortly before them. Without motion, videos need no usable vectors.
    """

    def __init__(
        self,
        videos: list[LabelledVideo],
        store: ClipStore,
        frames: FrameOrigin = "decoded",
        kept_bytes: int = 0,
        with_motion: bool = True,
    ) -> None:
        self.videos = videos
        self.store = store
        self.frames: FrameOrigin = frames
        self.kept_bytes = kept_bytes
        self.with_motion = with_motion
        self._motions: dict[int, VideoMotion] = {}
        self._files: dict[int, Path] = {}
        self._reader: FrameReader | None = None
        self._motion: VideoMotion | None = None

    def motion_of(self, video: int) -> VideoMotion:
        """The motion of a video; opened once."""
        if video not in self._motions:
            self._motions[video] = self.store.motion_of(self.file_of(video))
        return self._motions[video]

    def length_of(self, video: int) -> int:
        """Number of frames of a video; without motion, its packets are counted.

        Raises:
            ValueError: If only decoding would tell.
        """
        if self.with_motion:
            return self.motion_of(video).num_frames
        timeline = read_timeline(self.file_of(video))
        if timeline is None:
            raise ValueError(
                f"{self.file_of(video)} does not say how many frames it shows; segment it with "
                f"the command `predict`, or store it in another container (MP4, Matroska)"
            )
        return len(timeline)

    def file_of(self, video: int) -> Path:
        """The file that holds a video's frames; looked up once."""
        if video not in self._files:
            self._files[video] = self.store.video(self.videos[video], self.with_motion)
        return self._files[video]

    def frame_bytes(self, video: int) -> int:
        """Bytes of one decoded frame of a video."""
        if self.with_motion:
            height, width = self.motion_of(video).size
            return height * width * 3
        return int(self.images(video, self.videos[video].labelled[:1]).nbytes)

    def images(
        self, video: int, frames: tuple[int, ...], kept: Iterable[int] = ()
    ) -> NDArray[np.uint8]:
        """Read frames, (T, H, W, 3); if any has to be decoded, ``kept`` are stored for later."""
        if self.frames == "original":
            return self.videos[video].read(frames)
        file = self.file_of(video)
        images = self.store.frames.read(file, frames)
        if images is None:
            kept = tuple(kept)
            if self._reader is None or self._reader.path != file:
                if self._reader is not None:
                    self._reader.close()
                self._reader = FrameReader(file, self.kept_bytes)  # the last one stays open
            decoded = self._reader.read((*frames, *kept))
            self.store.frames.write(file, {index: decoded[index].image for index in kept})
            images = [decoded[index].image for index in frames]
        return np.stack(images)  # (T, H, W, 3)

    def motion(
        self,
        video: int,
        frames: tuple[int, ...],
        leads_to: Literal["keyframe", "previous"],
        labelled: int,
    ) -> tuple[Tensor, Tensor]:
        """Compose the motion of frames to the first, the keyframe, or each to the one before it.

        Args:
            video: The video.
            frames: The frames.
            leads_to: Where it leads.
            labelled: One of them, to which that of later ones leads instead of the keyframe.

        Returns:
            Motion (T, 2, H, W), zero for the first frame, and where it is valid (T, H, W).
        """
        motion = self.motion_of(video)
        if self._motion is not None and self._motion is not motion:
            motion.take_over(self._motion)  # its buffers are large: one video's at a time
        self._motion = motion
        bases = tuple(frames[0] if frame <= labelled else labelled for frame in frames)
        compose: Callable[[int, int], Motion] = motion.motion
        if leads_to == "previous":
            bases, compose = (frames[0], *frames[:-1]), motion.motion_to
        xy = np.zeros((len(frames), 2, *motion.size), np.float32)
        valid = np.ones((len(frames), *motion.size), np.bool_)
        for place, (frame, base) in enumerate(zip(frames, bases, strict=True)):
            if frame != base:
                field = compose(frame, base)
                xy[place], valid[place] = field.xy, field.valid
        return torch.from_numpy(xy), torch.from_numpy(valid)

    def labels(
        self, video: int, frames: tuple[int, ...], size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Read labels, ``ignore_index`` throughout for frames without one, (T, H, W)."""
        source = self.videos[video]
        blank = np.full(size, source.classes.ignore_index, np.uint8)
        labelled = set(source.labelled)
        return np.stack([source.label(f, size) if f in labelled else blank for f in frames])

    def name(self, video: int, frame: int) -> str:
        """Name of a frame, for files and messages."""
        return f"{self.videos[video].name}/{frame:06d}"
