"""Training clips: their frames, which end at a labelled one, their augmentation, and batches."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from arseg_lightning.datasets.augment import ClipAugment, RawClip, to_pixels
from arseg_lightning.datasets.clips import reach
from arseg_lightning.datasets.needs import Needs, TrainDistance
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.types import Clip, ClipBatch

__all__ = ["AdaptationClips", "ClipSpans", "TrainingClips", "collate"]


class ClipSpans:
    """Chooses the frames of training clips: how many, and how far apart.

    The ``distance`` of a pair of a keyframe and a later frame is ``last``: always L-1, as in the
    paper; or ``uniform``: drawn from 1..L-1, as far as motion reaches.

    Raises:
        ValueError: If there are no frames between keyframes and clips are pairs with one.
    """

    def __init__(self, needs: Needs, keyframe_interval: int, distance: TrainDistance) -> None:
        self.needs, self.keyframe_interval = needs, keyframe_interval
        self._after = needs.frames_after
        self._steps = needs.frames - 1 - self._after  # up to the labelled one
        self._is_pair = needs.spacing == "keyframe"
        if self._is_pair and keyframe_interval < 2:
            raise ValueError(
                f"keyframe_interval={keyframe_interval} leaves no frame between keyframes, and "
                f"those are what this method is trained on: train with at least 2; test and "
                f"validate a trained run with --data.keyframe_interval {keyframe_interval}"
            )
        if self._is_pair:
            longest = keyframe_interval - 1
            self._gaps = (longest if distance == "last" else 1, longest)
        else:
            self._gaps = (1, 1) if isinstance(needs.spacing, str) else needs.spacing

    @property
    def least(self) -> int:
        """Frames of past that a labelled frame has to have."""
        return self._steps * self._gaps[0]

    @property
    def least_future(self) -> int:
        """Frames that have to come after a labelled frame."""
        return self._after * (1 if self._is_pair else self._gaps[0])

    def draw(
        self,
        frame: int,
        past: int,
        generator: np.random.Generator,
        anchors: Container[int] | None = None,
        future: int = 0,
    ) -> tuple[int, ...]:
        """Choose the frames of a clip around a labelled one, within its past and future.

        The keyframe of a pair, and the next one after it, are ``anchors``, frames that are no
        B-frames, as at inference, if there are such in reach; by default all frames are anchors.
        """
        shortest, longest = self._gaps
        longest = min(longest, past // max(self._steps, 1))
        if self._after and not self._is_pair:
            longest = min(longest, future // self._after)
        gaps = list(range(shortest, longest + 1)) or [shortest]
        if self._is_pair and anchors is not None:
            gaps = [gap for gap in gaps if frame - gap in anchors] or gaps
        # One gap for the whole clip: its frames are evenly spaced.
        gap = gaps[int(generator.integers(len(gaps)))]
        if self._is_pair and self._after:
            due, end = min(frame - gap + self.keyframe_interval, frame + future), frame + future
            known = (f for f in range(due, end + 1) if anchors is None or f in anchors)
            return frame - gap, frame, next(known, due)
        return tuple(range(frame - self._steps * gap, frame + self._after * gap + 1, gap))

    def window(self, frame: int, past: int, future: int = 0) -> tuple[int, ...]:
        """All frames that clips with a labelled frame are made of."""
        shortest, longest = self._gaps
        if shortest == longest and not self._after:
            return tuple(range(frame - self._steps * longest, frame + 1, longest))
        end = frame + min(future, self._after * longest)
        return tuple(range(frame - min(past, self._steps * longest), end + 1))

    def refusal(self) -> str:
        """Message that no frame has the past that clips need."""
        since = " since the last I-frame" if self.needs.clip_motion else ""
        return (
            f"no labelled frame has {self.least} frames of past{since} and {self.least_future} of "
            f"future before the next, which clips of {self.needs.frames} frames need; use videos "
            f"(or frames in order) in which labels have neighbours, have the layout add some "
            f"(camera.future of stills and of CamVid, future of Cityscapes), or for pairs take a "
            f"smaller keyframe_interval or train_distance=uniform"
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
        labels = torch.from_numpy(self.reader.labels(video, frames, size))  # (T, H, W), uint8
        motion, valid = None, None
        leads_to = self.spans.needs.clip_motion
        if leads_to is not None:
            motion, valid = self.reader.motion(video, frames, leads_to, frame)
        raw = RawClip(to_pixels(images), labels, motion, valid)
        raw = self.augment.geometry(raw, generator)  # (T, ..., H, W) of the crop
        names = tuple(self.reader.name(video, f) for f in frames)
        distances = torch.tensor([f - frames[0] for f in frames])
        # Only what is left of the frames becomes floating-point numbers and wide integers.
        images_of_networks = self.normalise(raw.images)  # (T, 3, H, W)
        labels = raw.labels.long()
        return Clip(images_of_networks, labels, distances, names, raw.motion, raw.valid)


class AdaptationClips(Dataset[Clip]):
    """Each training clip together with one of another data set, drawn by seed, epoch and index."""

    def __init__(self, source: TrainingClips, target: TrainingClips) -> None:
        self.source, self.target = source, target

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: tuple[int, int] | int) -> Clip:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        generator = np.random.default_rng((self.source.seed, epoch, index, len(self.target)))
        clip = self.source[key]
        clip.target = self.target[epoch, int(generator.integers(len(self.target)))]
        clip.target.labels[:] = 255  # what a layout says of them is not used
        return clip


def collate(clips: Sequence[Clip]) -> ClipBatch:
    """Stack clips of one length and size; in a loader's process, in shared memory."""
    stacked: dict[str, Any] = {}
    for name in ("images", "labels", "distances", "motion", "valid"):
        parts = [getattr(clip, name) for clip in clips]  # (T, …) each
        # One layout in whatever process: convolutions add up in an order that depends on it.
        stacked[name] = None if parts[0] is None else default_collate(parts).contiguous()
    targets = [clip.target for clip in clips if clip.target is not None]
    stacked["target"] = collate(targets) if targets else None
    return ClipBatch(names=tuple(clip.names for clip in clips), **stacked)
