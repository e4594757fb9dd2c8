"""One's own video as a stream of clips: decoded once, from start to end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import IterableDataset

from arseg_lightning.datasets.augment import to_tensor
from arseg_lightning.datasets.clips import keyframes
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.types import Clip, Frame
from arseg_lightning.video.cache import VideoMotion
from arseg_lightning.video.decode import decode

__all__ = ["VideoStream"]


class VideoStream(IterableDataset[Clip]):
    """The keyframe periods of a video, in order; memory holds one period at a time.

    Args:
        path: The video; its motion vectors must be usable.
        motion: Its motion.
        keyframe_interval: L.
        normalise: Normalisation.
        ignore_index: Fills the labels that the video does not have.
    """

    def __init__(
        self,
        path: Path,
        motion: VideoMotion,
        keyframe_interval: int,
        normalise: Normalisation,
        ignore_index: int = 255,
    ) -> None:
        self.path = path
        self.motion = motion
        self.normalise = normalise
        self.ignore_index = ignore_index
        self.keyframes = set(keyframes(motion.intra_frames, motion.num_frames, keyframe_interval))

    def __len__(self) -> int:
        return len(self.keyframes)

    def __iter__(self) -> Iterator[Clip]:
        period: list[Frame] = []
        for frame in decode(self.path):
            if period and frame.index in self.keyframes:
                yield self._clip(period)
                period = []
            period.append(frame)
        if period:
            yield self._clip(period)

    def _clip(self, period: list[Frame]) -> Clip:
        """Make one keyframe period a clip."""
        first = period[0].index
        motion = np.stack([self.motion.motion(frame.index, first).xy for frame in period])
        height, width = period[0].size
        return Clip(
            images=self.normalise(to_tensor(np.stack([frame.image for frame in period]))),
            motion=torch.from_numpy(motion),
            labels=torch.full((len(period), height, width), self.ignore_index),
            distances=torch.arange(len(period)),
            names=tuple(f"{self.path.stem}/{frame.index:06d}" for frame in period),
        )
