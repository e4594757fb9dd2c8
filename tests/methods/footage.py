"""Random frames and motion, as a stream gives them and as training does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.methods import VideoMethod
from arseg_lightning.types import BLOCK_SIZE, ClipBatch, Frame
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.live import SourceFrame
from arseg_lightning.video.motion import BlockMotion

SIZE = (24, 32)
NUM_FRAMES = 5
"""Frames of a stream, from its start."""


@dataclass(frozen=True)
class Footage:
    """Random frames, with motion from each to the one before it."""

    images: np.ndarray  # (T, H, W, 3), uint8
    motion: list[BlockMotion]

    @classmethod
    def make(cls, num_frames: int, size: tuple[int, int] = SIZE, seed: int = 0) -> Footage:
        draw = np.random.default_rng(seed)
        cells = tuple(-(-side // BLOCK_SIZE) for side in size)
        images = draw.integers(0, 256, (num_frames, *size, 3), dtype=np.uint8)
        motion = [
            BlockMotion(
                draw.integers(-20, 21, (2, *cells), dtype=np.int16), draw.random(cells) < 0.2
            )
            for _ in images
        ]
        return cls(images, motion)

    def frames(self) -> list[SourceFrame]:
        """The frames as a live source gives them."""
        return [
            SourceFrame(
                Frame(index, index / 25, "P" if index else "I", image),
                step if index else None,
                None if index else "start",
            )
            for index, (image, step) in enumerate(zip(self.images, self.motion, strict=True))
        ]

    def clip(self, method: VideoMethod) -> ClipBatch:
        """The same as a training clip, without labels."""
        images = Normalisation()(torch.from_numpy(self.images).permute(0, 3, 1, 2).float())
        leads = method.needs.motion or method.needs.clip_motion
        # Of frames after the labelled one, motion leads to it: of three, to the one before.
        fields = self._fields("previous" if method.needs.frames_after else leads)
        motion, valid = (torch.from_numpy(np.stack(part)) for part in zip(*fields, strict=True))
        num_frames, size = len(images), images.shape[-2:]
        return needed(
            method,
            ClipBatch(
                images=images[None],
                labels=torch.full((1, num_frames, *size), 255),
                distances=torch.arange(num_frames)[None],
                names=(tuple(str(index) for index in range(num_frames)),),
                motion=motion[None],
                valid=valid[None],
            ),
        )

    def _fields(self, leads: str | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        size = self.images.shape[1:3]
        chain = MotionChain((size[0], size[1]))
        chain.restart()
        for index, step in enumerate(self.motion):
            if index == 0:
                yield np.zeros((2, *size), np.float32), np.ones(size, np.bool_)
                continue
            if leads == "previous":
                chain.restart()
            chain.push(step)
            found = chain.motion()
            yield found.xy.copy(), found.valid.copy()


def video(num_frames: int = NUM_FRAMES, size: tuple[int, int] = SIZE) -> list[SourceFrame]:
    return Footage.make(num_frames, size).frames()


def needed(method: VideoMethod, clip: ClipBatch) -> ClipBatch:
    """A clip without the motion that the method does not ask for."""
    return (
        clip
        if method.needs.motion or method.needs.clip_motion
        else replace(clip, motion=None, valid=None)
    )
