"""Training clips: their frames, of which one is labelled, their augmentation, and batches."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from arseg_lightning.datasets.augment import ClipAugment, RawClip, to_tensor
from arseg_lightning.datasets.clips import reach
from arseg_lightning.datasets.needs import Needs, TrainDistance
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.types import Clip, ClipBatch

__all__ = ["ClipSpans", "TrainingClips", "collate"]


class ClipSpans:
    """Chooses the frames of training clips: how many, how far apart.

    Args:
        needs: What the method needs.
        keyframe_interval: L.
        distance: Distance of a pair of a keyframe and a later frame: ``last`` is always L-1, as in
            the paper; ``uniform`` draws from 1..L-1, as far as motion reaches.

    Raises:
        ValueError: If there are no frames between keyframes and clips are pairs with one.
    """

    def __init__(self, needs: Needs, keyframe_interval: int, distance: TrainDistance) -> None:
        if needs.spacing == "keyframe" and keyframe_interval < 2:
            raise ValueError(
                f"keyframe_interval={keyframe_interval} leaves no frame between keyframes, and "
                f"those are what this method is trained on: train with at least 2; test and "
                f"validate a trained run with --data.keyframe_interval {keyframe_interval}"
            )
        self.needs = needs
        self.keyframe_interval = keyframe_interval
        self.distance: TrainDistance = distance
        self._of_keyframe = needs.spacing == "keyframe"
        self._after = needs.frames_after
        self._before = needs.frames - 1 - self._after
        self._gaps = (1, 1) if isinstance(needs.spacing, str) else needs.spacing

    @property
    def least(self) -> int:
        """Frames of past that a labelled frame has to have."""
        if self._of_keyframe:
            return self.keyframe_interval - 1 if self.distance == "last" else 1
        return self._before * self._gaps[0]

    @property
    def least_future(self) -> int:
        """Frames that have to come after a labelled frame."""
        return self._after * self._gaps[0]

    def draw(
        self,
        frame: int,
        past: int,
        generator: np.random.Generator,
        anchors: Container[int] | None = None,
        future: int = 0,
    ) -> tuple[int, ...]:
        """Choose the frames of a clip with a labelled one, within its past and future.

        The keyframes of a pair, and of a frame between two, are ``anchors``, frames that are no
        B-frames, as at inference, if there are such in reach; by default all frames are anchors.
        """
        if self._of_keyframe:
            distance = self.keyframe_interval - 1
            if self.distance == "uniform":
                distances: Sequence[int] = range(1, min(distance, past) + 1)
                if anchors is not None:
                    distances = [d for d in distances if frame - d in anchors] or distances
                distance = distances[int(generator.integers(len(distances)))]
            frames = frame - distance, frame
            return (
                (*frames, self._next_keyframe(*frames, future, anchors)) if self._after else frames
            )
        # One gap for the whole clip: its frames are evenly spaced.
        shortest, longest = self._gaps
        longest = min(longest, past // self._before) if self._before else longest
        longest = min(longest, future // self._after) if self._after else longest
        gap = int(generator.integers(shortest, longest + 1)) if longest > shortest else shortest
        return tuple(range(frame - self._before * gap, frame + self._after * gap + 1, gap))

    def _next_keyframe(
        self, keyframe: int, frame: int, future: int, anchors: Container[int] | None
    ) -> int:
        """The keyframe after one, as far as the future reaches; no B-frame, if possible."""
        due = min(keyframe + self.keyframe_interval, frame + future)
        if anchors is None:
            return due
        return next((each for each in range(due, frame + future + 1) if each in anchors), due)

    def window(self, frame: int, past: int, future: int = 0) -> tuple[int, ...]:
        """All frames that clips with a labelled frame are made of."""
        if self._of_keyframe and self.distance == "last" and not self._after:
            return frame - (self.keyframe_interval - 1), frame
        furthest, latest = self._before * self._gaps[1], self._after * self._gaps[1]
        if self._of_keyframe:
            furthest = self.keyframe_interval - 1
            latest = self._after * furthest
        return tuple(range(frame - min(past, furthest), frame + min(future, latest) + 1))

    def refusal(self) -> str:
        """Message that no frame has the past that clips need."""
        if self._after:
            return (
                f"no labelled frame has {self.least} frames before and {self.least_future} after it"
                f"{' without an I-frame between' if self.needs.clip_motion else ''}, which this "
                f"method's clips need; take videos in which frames follow labelled ones, or have "
                f"the layout add some (camera.future of stills and CamVid, future of Cityscapes)"
            )
        if self._of_keyframe:
            return (
                f"no labelled frame has {self.least} frames of past since the last I-frame, which "
                f"keyframe_interval={self.keyframe_interval} with "
                f"train_distance={self.distance!r} needs; use longer clips, a smaller "
                f"keyframe_interval, or train_distance=uniform"
            )
        return (
            f"no labelled frame has {self.least} frames before it"
            f"{' since the last I-frame' if self.needs.clip_motion else ''}, which clips of "
            f"{self.needs.frames} frames need; use videos (or frames in order) in which labels "
            f"have neighbours"
        )


class TrainingClips(Dataset[Clip]):
    """Clips around a labelled frame, as a method needs them; single images are the shortest.

    All draws depend on seed, epoch and index alone. ``frame_cache_bytes`` of disk keep decoded
    frames: those of the first targets, as far as it goes.

    Raises:
        ValueError: If no labelled frame has the past that the clips need.
    """

    def __init__(
        self,
        reader: ClipReader,
        spans: ClipSpans,
        augment: ClipAugment,
        normalise: Normalisation,
        seed: int = 0,
        frame_cache_bytes: int = 0,
    ) -> None:
        self.reader = reader
        self.spans = spans
        self.augment, self.normalise, self.seed = augment, normalise, seed
        # Video, labelled frame, and how many frames its past and its future have.
        self.targets: list[tuple[int, int, int, int]] = []
        for index, video in enumerate(reader.videos):
            intra = reader.motion_of(index).intra_frames if reader.with_motion else (0,)
            ends = (*intra[1:], reader.length_of(index)) if spans.least_future else ()
            for frame in video.labelled:
                past = reach(frame, intra)
                future = next((end - 1 - frame for end in ends if end > frame), 0)
                if past >= spans.least and future >= spans.least_future:
                    self.targets.append((index, frame, past, future))
        if not self.targets:
            raise ValueError(spans.refusal())
        self.streams = range(len(self.targets))  # each sample is one, when losses are validated
        self.num_cached = self._num_cached(frame_cache_bytes)

    def _num_cached(self, num_bytes: int) -> int:
        """How many targets, from the first on, have all their frames within the cache's size."""
        if num_bytes <= 0:
            return 0
        seen: set[tuple[int, int]] = set()
        sizes: dict[int, int] = {}
        for count, (video, *target) in enumerate(self.targets):
            if video not in sizes:
                sizes[video] = self.reader.frame_bytes(video)
            new = {(video, each) for each in self.spans.window(*target)} - seen
            num_bytes -= len(new) * sizes[video]  # a frame that two clips share is kept once
            if num_bytes < 0:
                return count
            seen |= new
        return len(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, key: tuple[int, int] | int) -> Clip:
        # Of a sampler other than ours, every epoch is the first: ``overfit_batches`` swaps it.
        epoch, index = key if isinstance(key, tuple) else (0, key)
        generator = np.random.default_rng((self.seed, epoch, index))
        video, frame, past, future = self.targets[index]
        anchors = self.reader.motion_of(video).anchors if self.reader.with_motion else None
        frames = self.spans.draw(frame, past, generator, anchors, future)
        kept = self.spans.window(frame, past, future) if index < self.num_cached else ()
        images = self.reader.images(video, frames, kept)  # (T, H, W, 3), uint8
        images = self.augment.colours(images, generator)
        size = (images.shape[1], images.shape[2])
        labels = torch.from_numpy(self.reader.labels(video, frames, size)).long()  # (T, H, W)
        motion, valid = None, None
        leads_to = self.spans.needs.clip_motion
        if leads_to is not None:
            motion, valid = self.reader.motion(video, frames, leads_to, frame)
        raw = RawClip(to_tensor(images), labels, motion, valid)
        raw = self.augment.geometry(raw, generator)  # (T, ..., H, W) of the crop
        names = tuple(self.reader.name(video, f) for f in frames)
        distances = torch.tensor([f - frames[0] for f in frames])
        images_of_networks = self.normalise(raw.images)  # (T, 3, H, W)
        return Clip(images_of_networks, raw.labels, distances, names, raw.motion, raw.valid)


def collate(clips: list[Clip]) -> ClipBatch:
    """Stack clips of one length and size; in a loader's process, in shared memory."""
    motion = [clip.motion for clip in clips if clip.motion is not None]
    valid = [clip.valid for clip in clips if clip.valid is not None]
    return ClipBatch(
        images=_stack([clip.images for clip in clips]),  # (B, T, 3, H, W)
        labels=_stack([clip.labels for clip in clips]),  # (B, T, H, W)
        distances=_stack([clip.distances for clip in clips]),  # (B, T)
        names=tuple(clip.names for clip in clips),
        motion=_stack(motion) if motion else None,  # (B, T, 2, H, W)
        valid=_stack(valid) if valid else None,
    )


def _stack(tensors: list[torch.Tensor]) -> torch.Tensor:
    """One layout in whatever process: convolutions add up in an order that depends on it."""
    stacked: torch.Tensor = default_collate(tensors).contiguous()
    return stacked
