"""Reads the parts of a clip: frames, labels and composed motion."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.datasets.sequence import Sequence
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.video.cache import VideoMotion
from arseg_lightning.video.decode import read_frames

__all__ = ["ClipReader", "FrameSource"]

FrameSource = Literal["decoded", "original"]


class ClipReader:
    """Reads the parts of a clip from the store.

    Args:
        sequences: Prepared sequences.
        store: Where they are.
        frames: ``decoded`` takes frames as a decoder gives them; ``original`` as they were before
            any compression by us, which for a video file is as it decodes.
        remembered: How many decoded videos are kept in memory; 0 decodes only what is asked for.
    """

    def __init__(
        self,
        sequences: list[Sequence],
        store: ClipStore,
        frames: FrameSource = "decoded",
        remembered: int = 0,
    ) -> None:
        self.sequences = sequences
        self.store = store
        self.frames: FrameSource = frames
        self.remembered = remembered
        self._motions: dict[int, VideoMotion] = {}
        self._videos: OrderedDict[Path, dict[int, NDArray[np.uint8]]] = OrderedDict()

    def motion_of(self, sequence: int) -> VideoMotion:
        """The motion of a sequence; opened once."""
        if sequence not in self._motions:
            self._motions[sequence] = self.store.motion(self.sequences[sequence])
        return self._motions[sequence]

    def images(self, sequence: int, frames: tuple[int, ...]) -> NDArray[np.uint8]:
        """Read frames, (T, H, W, 3)."""
        if self.frames == "original":
            return self.sequences[sequence].read(frames)
        path = self.store.video(self.sequences[sequence])
        if not self.remembered:
            decoded = read_frames(path, list(frames))
            return np.stack([decoded[frame].image for frame in frames])
        if path not in self._videos:
            everything = read_frames(path, list(range(self.motion_of(sequence).num_frames)))
            self._videos[path] = {index: frame.image for index, frame in everything.items()}
            while len(self._videos) > self.remembered:
                self._videos.popitem(last=False)
        return np.stack([self._videos[path][frame] for frame in frames])

    def motion(self, sequence: int, keyframe: int, frames: tuple[int, ...]) -> Tensor:
        """Compose the motion of frames to their keyframe, (T, 2, H, W)."""
        video = self.motion_of(sequence)
        return torch.from_numpy(np.stack([video.motion(frame, keyframe).xy for frame in frames]))

    def labels(
        self, sequence: int, frames: tuple[int, ...], size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Read labels, ``ignore_index`` throughout for frames without one, (T, H, W)."""
        source = self.sequences[sequence]
        blank = np.full(size, source.classes.ignore_index, np.uint8)
        labelled = set(source.labelled)
        return np.stack([source.label(f, size) if f in labelled else blank for f in frames])

    def name(self, sequence: int, frame: int) -> str:
        """Name of a frame, for files and messages."""
        return f"{self.sequences[sequence].name}/{frame:06d}"
