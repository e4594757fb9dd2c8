"""What training runs on: augmented pairs or stills; and how clips become a batch."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from arseg_lightning.datasets.augment import ClipAugment, RawClip, to_tensor
from arseg_lightning.datasets.clips import TrainDistance, reach, sample_distance
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.reader import ClipReader, FrameSource
from arseg_lightning.datasets.sequence import Sequence
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.types import Clip, ClipBatch

__all__ = ["TrainingClips", "TrainingStills", "collate"]


class TrainingClips(Dataset[Clip]):
    """Pairs of a keyframe and a labelled frame behind it: phase 2 trains on them.

    Args:
        sequences: Prepared sequences.
        store: Where they are.
        keyframe_interval: L.
        distance: How the distance of a pair is chosen.
        augment: Augmentation.
        normalise: Normalisation.
        seed: Decides all draws, with epoch and index.
        frames: ``decoded`` or ``original``; motion comes from the encoded sequence either way.
        frame_cache_bytes: Disk for decoded frames; those of the first targets, as far as it goes.

    Raises:
        ValueError: If no labelled frame has the past that the distances need.
    """

    def __init__(
        self,
        sequences: list[Sequence],
        store: ClipStore,
        keyframe_interval: int,
        distance: TrainDistance,
        augment: ClipAugment,
        normalise: Normalisation,
        seed: int = 0,
        frames: FrameSource = "decoded",
        frame_cache_bytes: int = 0,
    ) -> None:
        self.reader = ClipReader(sequences, store, frames)
        self.keyframe_interval = keyframe_interval
        self.distance: TrainDistance = distance
        self.augment, self.normalise, self.seed = augment, normalise, seed
        needed = keyframe_interval - 1 if distance == "last" else 1
        self.targets = self._targets(needed)
        if not self.targets:
            raise ValueError(
                f"no labelled frame has {needed} frames of past since the last I-frame, which "
                f"keyframe_interval={keyframe_interval} with train_distance={distance!r} needs; "
                f"use longer clips, a smaller keyframe_interval, or train_distance=uniform"
            )
        self.num_cached = self._num_cached(frame_cache_bytes)

    def _targets(self, needed: int) -> list[tuple[int, int, int]]:
        """Sequence, frame and reach of every usable labelled frame."""
        targets = []
        for index, sequence in enumerate(self.reader.sequences):
            intra = self.reader.motion_of(index).intra_frames
            ranges = ((frame, reach(frame, intra)) for frame in sequence.labelled)
            targets += [(index, frame, past) for frame, past in ranges if past >= needed]
        return targets

    def _num_cached(self, num_bytes: int) -> int:
        """How many targets, from the first on, have all their frames within the cache's size."""
        seen: set[tuple[int, int]] = set()
        for count, (sequence, _, _) in enumerate(self.targets):
            height, width = self.reader.motion_of(sequence).size
            new = {(sequence, frame) for frame in self._window(count)} - seen
            num_bytes -= len(new) * height * width * 3
            if num_bytes < 0:
                return count
            seen |= new
        return len(self.targets)

    def _window(self, index: int) -> tuple[int, ...]:
        """The frames that pairs of a target are made of."""
        _, frame, past = self.targets[index]
        if self.distance == "last":
            return frame - (self.keyframe_interval - 1), frame
        return tuple(range(frame - min(past, self.keyframe_interval - 1), frame + 1))

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, epoch_and_index: tuple[int, int]) -> Clip:
        epoch, index = epoch_and_index
        generator = np.random.default_rng((self.seed, epoch, index))
        sequence, frame, past = self.targets[index]
        distance = sample_distance(self.distance, self.keyframe_interval, past, generator)
        frames = (frame - distance, frame)
        kept = self._window(index) if index < self.num_cached else ()
        images = self.augment.colours(self.reader.images(sequence, frames, kept), generator)
        size = (images.shape[1], images.shape[2])
        labels = torch.from_numpy(self.reader.labels(sequence, frames, size)).long()
        motion = self.reader.motion(sequence, frames[0], frames)
        clip = self.augment.geometry(RawClip(to_tensor(images), motion, labels), generator)
        names = tuple(self.reader.name(sequence, f) for f in frames)
        distances = torch.tensor([0, distance])
        return Clip(self.normalise(clip.images), clip.motion, clip.labels, distances, names)


class TrainingStills(Dataset[Clip]):
    """Labelled frames by themselves, before any compression by us: phase 1 trains on them.

    Args:
        sequences: Sequences; they need not be prepared.
        augment: Augmentation.
        normalise: Normalisation.
        seed: Decides all draws, with epoch and index.
    """

    def __init__(
        self,
        sequences: list[Sequence],
        augment: ClipAugment,
        normalise: Normalisation,
        seed: int = 0,
    ) -> None:
        self.targets = [(seq, frame) for seq in sequences for frame in seq.labelled]
        self.augment, self.normalise, self.seed = augment, normalise, seed

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, epoch_and_index: tuple[int, int]) -> Clip:
        epoch, index = epoch_and_index
        generator = np.random.default_rng((self.seed, epoch, index))
        sequence, frame = self.targets[index]
        pixels = sequence.image(frame)
        size = (pixels.shape[0], pixels.shape[1])
        label = torch.from_numpy(sequence.label(frame, size)).long()
        images = to_tensor(self.augment.colours(pixels[None], generator))
        raw = RawClip(images, torch.zeros(1, 2, *size), label[None])
        clip = self.augment.geometry(raw, generator)
        names = (f"{sequence.name}/{frame:06d}",)
        distances = torch.zeros(1, dtype=torch.int64)
        return Clip(self.normalise(clip.images), clip.motion, clip.labels, distances, names)


def collate(clips: list[Clip]) -> ClipBatch:
    """Stack clips of one length and size, in a loader's process in memory shared with its owner."""
    return ClipBatch(
        images=_stack([clip.images for clip in clips]),
        motion=_stack([clip.motion for clip in clips]),
        labels=_stack([clip.labels for clip in clips]),
        distances=_stack([clip.distances for clip in clips]),
        names=tuple(clip.names for clip in clips),
    )


def _stack(tensors: list[torch.Tensor]) -> torch.Tensor:
    """One layout in whatever process: convolutions add up in an order that depends on it."""
    stacked: torch.Tensor = default_collate(tensors).contiguous()
    return stacked
