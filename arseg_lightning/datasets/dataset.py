"""Training data: augmented clips or stills; and how clips become a batch."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from arseg_lightning.datasets.augment import ClipAugment, RawClip, to_tensor
from arseg_lightning.datasets.clip_spans import ClipSpans
from arseg_lightning.datasets.clips import TrainDistance, reach
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.needs import Needs
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.reader import ClipReader, FrameSource
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.types import Clip, ClipBatch

__all__ = ["TrainingClips", "TrainingStills", "collate"]


class TrainingClips(Dataset[Clip]):
    """Clips that end at a labelled frame, as a method needs them.

    Args:
        sequences: Prepared sequences.
        store: Where they are.
        needs: How many frames a clip has, how far apart, and which motion.
        keyframe_interval: L.
        distance: How the distance of a keyframe and a later frame is chosen.
        augment: Augmentation.
        normalise: Normalisation.
        seed: Decides all draws, with epoch and index.
        frames: ``decoded`` or ``original``; motion comes from the encoded sequence either way.
        frame_cache_bytes: Disk for decoded frames; those of the first targets, as far as it goes.

    Raises:
        ValueError: If no labelled frame has the past that the clips need.
    """

    def __init__(
        self,
        sequences: list[LabelledVideo],
        store: ClipStore,
        needs: Needs,
        keyframe_interval: int,
        distance: TrainDistance,
        augment: ClipAugment,
        normalise: Normalisation,
        seed: int = 0,
        frames: FrameSource = "decoded",
        frame_cache_bytes: int = 0,
    ) -> None:
        moves = needs.clip_motion is not None
        self.reader = ClipReader(sequences, store, frames, with_motion=moves)
        self.spans = ClipSpans(needs, keyframe_interval, distance)
        self.needs = needs
        self.augment, self.normalise, self.seed = augment, normalise, seed
        self.targets = self._targets()
        if not self.targets:
            raise ValueError(self.spans.refusal())
        self.num_cached = self._num_cached(frame_cache_bytes)

    def _targets(self) -> list[tuple[int, int, int]]:
        """Sequence, frame and reach of every usable labelled frame."""
        targets = []
        for index, sequence in enumerate(self.reader.videos):
            intra = self.reader.motion_of(index).intra_frames if self.needs.clip_motion else (0,)
            ranges = ((frame, reach(frame, intra)) for frame in sequence.labelled)
            targets += [(index, frame, past) for frame, past in ranges if past >= self.spans.least]
        return targets

    def _num_cached(self, num_bytes: int) -> int:
        """How many targets, from the first on, have all their frames within the cache's size."""
        if num_bytes <= 0:
            return 0
        seen: set[tuple[int, int]] = set()
        sizes: dict[int, int] = {}
        for count, (sequence, frame, past) in enumerate(self.targets):
            if sequence not in sizes:
                sizes[sequence] = self.reader.frame_bytes(sequence)
            new = {(sequence, each) for each in self.spans.window(frame, past)} - seen
            num_bytes -= len(new) * sizes[sequence]
            if num_bytes < 0:
                return count
            seen |= new
        return len(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, place: tuple[int, int] | int) -> Clip:
        epoch, index = _epoch_and_index(place)
        generator = np.random.default_rng((self.seed, epoch, index))
        sequence, frame, past = self.targets[index]
        frames = self.spans.draw(frame, past, generator)
        kept = self.spans.window(frame, past) if index < self.num_cached else ()
        images = self.augment.colours(self.reader.images(sequence, frames, kept), generator)
        size = (images.shape[1], images.shape[2])
        labels = torch.from_numpy(self.reader.labels(sequence, frames, size)).long()
        motion, valid = None, None
        if self.needs.clip_motion is not None:
            motion, valid = self.reader.motion(sequence, frames, self.needs.clip_motion)
        raw = RawClip(to_tensor(images), labels, motion, valid)
        names = tuple(self.reader.name(sequence, f) for f in frames)
        distances = torch.tensor([f - frames[0] for f in frames])
        return _clip(self.augment.geometry(raw, generator), self.normalise, distances, names)


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
        sequences: list[LabelledVideo],
        augment: ClipAugment,
        normalise: Normalisation,
        seed: int = 0,
    ) -> None:
        self.targets = [(seq, frame) for seq in sequences for frame in seq.labelled]
        self.augment, self.normalise, self.seed = augment, normalise, seed

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, place: tuple[int, int] | int) -> Clip:
        epoch, index = _epoch_and_index(place)
        generator = np.random.default_rng((self.seed, epoch, index))
        sequence, frame = self.targets[index]
        pixels = sequence.image(frame)
        size = (pixels.shape[0], pixels.shape[1])
        label = torch.from_numpy(sequence.label(frame, size)).long()
        images = to_tensor(self.augment.colours(pixels[None], generator))
        clip = self.augment.geometry(RawClip(images, label[None]), generator)
        names = (f"{sequence.name}/{frame:06d}",)
        return _clip(clip, self.normalise, torch.zeros(1, dtype=torch.int64), names)


def collate(clips: list[Clip]) -> ClipBatch:
    """Stack clips of one length and size, in a loader's process in memory shared with its owner."""
    motion = [clip.motion for clip in clips if clip.motion is not None]
    valid = [clip.valid for clip in clips if clip.valid is not None]
    return ClipBatch(
        images=_stack([clip.images for clip in clips]),
        labels=_stack([clip.labels for clip in clips]),
        distances=_stack([clip.distances for clip in clips]),
        names=tuple(clip.names for clip in clips),
        motion=_stack(motion) if motion else None,
        valid=_stack(valid) if valid else None,
    )


def _epoch_and_index(place: tuple[int, int] | int) -> tuple[int, int]:
    """Of a sampler other than ours, every epoch is the first: ``overfit_batches`` swaps it."""
    return place if isinstance(place, tuple) else (0, place)


def _clip(
    raw: RawClip, normalise: Normalisation, distances: torch.Tensor, names: tuple[str, ...]
) -> Clip:
    return Clip(normalise(raw.images), raw.labels, distances, names, raw.motion, raw.valid)


def _stack(tensors: list[torch.Tensor]) -> torch.Tensor:
    """One layout in whatever process: convolutions add up in an order that depends on it."""
    stacked: torch.Tensor = default_collate(tensors).contiguous()
    return stacked
