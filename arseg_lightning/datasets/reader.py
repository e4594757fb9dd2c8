"""Reads the parts of a clip: frames, labels and composed motion."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.video.frame_reader import FrameReader
from arseg_lightning.video.timeline import read_timeline
from arseg_lightning.video.video_motion import VideoMotion

__all__ = ["ClipReader", "FrameSource"]

FrameSource = Literal["decoded", "original"]


class ClipReader:
    """Reads the parts of a clip from the store.

    Args:
        sequences: Prepared sequences.
        store: Where they are.
        frames: ``decoded`` takes frames as a decoder gives them; ``original`` as they were before
            any compression by us, which for a video file is as it decodes.
        kept_bytes: Memory for images that were decoded lately, for frames a little before them.
        with_motion: Whether motion is read; videos without any that can be used do without.
    """

    def __init__(
        self,
        sequences: list[LabelledVideo],
        store: ClipStore,
        frames: FrameSource = "decoded",
        kept_bytes: int = 0,
        with_motion: bool = True,
    ) -> None:
        self.videos = sequences
        self.store = store
        self.frames: FrameSource = frames
        self.kept_bytes = kept_bytes
        self.with_motion = with_motion
        self._motions: dict[int, VideoMotion] = {}
        self._videos: dict[int, Path] = {}
        self._reader: FrameReader | None = None
        self._motion: VideoMotion | None = None

    def motion_of(self, sequence: int) -> VideoMotion:
        """The motion of a sequence; opened once."""
        if sequence not in self._motions:
            self._motions[sequence] = self.store.motion_of(self.video_of(sequence))
        return self._motions[sequence]

    def length_of(self, sequence: int) -> int:
        """Number of frames of a sequence; without motion, its packets are counted.

        Raises:
            ValueError: If only decoding would tell.
        """
        if self.with_motion:
            return self.motion_of(sequence).num_frames
        timeline = read_timeline(self.video_of(sequence))
        if timeline is None:
            raise ValueError(
                f"{self.video_of(sequence)} does not say how many frames it shows; segment it with "
                f"the command `predict`, or store it in another container (MP4, Matroska)"
            )
        return len(timeline)

    def video_of(self, sequence: int) -> Path:
        """The file that holds a sequence's frames; looked up once."""
        if sequence not in self._videos:
            found = self.store.video(self.videos[sequence], self.with_motion)
            self._videos[sequence] = found
        return self._videos[sequence]

    def frame_bytes(self, sequence: int) -> int:
        """Bytes of one decoded frame of a sequence."""
        if self.with_motion:
            height, width = self.motion_of(sequence).size
            return height * width * 3
        return int(self.images(sequence, self.videos[sequence].labelled[:1]).nbytes)

    def images(
        self, sequence: int, frames: tuple[int, ...], kept: Iterable[int] = ()
    ) -> NDArray[np.uint8]:
        """Read frames, (T, H, W, 3).

        Args:
            sequence: Index of the sequence.
            frames: Which ones.
            kept: Frames to keep on disk if any has to be decoded, because others will ask.
        """
        if self.frames == "original":
            return self.videos[sequence].read(frames)
        video = self.video_of(sequence)
        images = self.store.frames.read(video, frames)
        if images is None:
            kept = tuple(kept)
            decoded = self._open(video).read((*frames, *kept))
            self.store.frames.write(video, {index: decoded[index].image for index in kept})
            images = [decoded[index].image for index in frames]
        return np.stack(images)

    def _open(self, video: Path) -> FrameReader:
        """A reader of a video; the last one stays open."""
        if self._reader is None or self._reader.path != video:
            if self._reader is not None:
                self._reader.close()
            self._reader = FrameReader(video, self.kept_bytes)
        return self._reader

    def motion(
        self, sequence: int, frames: tuple[int, ...], leads_to: Literal["keyframe", "previous"]
    ) -> tuple[Tensor, Tensor]:
        """Compose the motion of frames to the first or to the one before them.

        Args:
            sequence: Index of the sequence.
            frames: Which ones, ascending.
            leads_to: ``keyframe``: to the first of them; ``previous``: each to the one before it.

        Returns:
            Motion (T, 2, H, W), zero for the first frame, and where it is valid (T, H, W).
        """
        video = self.motion_of(sequence)
        if self._motion is not None and self._motion is not video:
            video.take_over(self._motion)
        self._motion = video
        if leads_to == "previous":
            pairs = zip(frames, (frames[0], *frames[:-1]), strict=True)
            fields = [video.motion_to(frame, base) for frame, base in pairs]
        else:
            fields = [video.motion(frame, frames[0]) for frame in frames]
        return (
            torch.from_numpy(np.stack([field.xy for field in fields])),
            torch.from_numpy(np.stack([field.valid for field in fields])),
        )

    def labels(
        self, sequence: int, frames: tuple[int, ...], size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Read labels, ``ignore_index`` throughout for frames without one, (T, H, W)."""
        source = self.videos[sequence]
        blank = np.full(size, source.classes.ignore_index, np.uint8)
        labelled = set(source.labelled)
        return np.stack([source.label(f, size) if f in labelled else blank for f in frames])

    def name(self, sequence: int, frame: int) -> str:
        """Name of a frame, for files and messages."""
        return f"{self.videos[sequence].name}/{frame:06d}"
