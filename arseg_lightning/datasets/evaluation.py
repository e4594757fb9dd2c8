"""What validation and test run on: clips of whole frames, from prepared sequences or files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from arseg_lightning.datasets.augment import to_tensor
from arseg_lightning.datasets.clips import (
    ClipSpec,
    EvaluationPairs,
    every_distance,
    group_of_pictures,
)
from arseg_lightning.datasets.labels import read_image, read_label
from arseg_lightning.datasets.layout import PreparedClip
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.datasets.sequence import Sequence
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.types import ClassSet, Clip, size_text
from arseg_lightning.video.published_motion import read_published_motion

__all__ = ["EvaluationClips", "PreparedClips", "choose_clips"]

_KEPT_BYTES = 256 * 2**20
"""Of the pictures decoded last: what all pairs of a frame need, up to 85 of them in 1080p."""


class EvaluationClips(Dataset[Clip]):
    """Whole frames, a keyframe and those behind it, decoded from prepared sequences.

    Args:
        sequences: Prepared sequences.
        store: Where they are.
        clips: Which clips exist.
        normalise: Normalisation.
    """

    def __init__(
        self,
        sequences: list[Sequence],
        store: ClipStore,
        clips: list[ClipSpec],
        normalise: Normalisation,
    ) -> None:
        self.reader = ClipReader(sequences, store, kept_bytes=_KEPT_BYTES)
        self.clips = clips
        self.normalise = normalise

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        clip = self.clips[index]
        frames = (clip.keyframe, *clip.frames)
        images = self.reader.images(clip.sequence, frames)
        labels = self.reader.labels(clip.sequence, frames, (images.shape[1], images.shape[2]))
        if not clip.keyframe_counts:
            labels[0] = self.reader.sequences[clip.sequence].classes.ignore_index
        return Clip(
            images=self.normalise(to_tensor(images)),
            motion=self.reader.motion(clip.sequence, clip.keyframe, frames),
            labels=torch.from_numpy(labels).long(),
            distances=torch.tensor([frame - clip.keyframe for frame in frames]),
            names=tuple(self.reader.name(clip.sequence, frame) for frame in frames),
        )


def choose_clips(
    sequences: list[Sequence], store: ClipStore, keyframe_interval: int, pairs: EvaluationPairs
) -> list[ClipSpec]:
    """Find the clips that prepared sequences are evaluated on.

    Raises:
        ValueError: If a sequence is shorter than the keyframe interval, or there is no clip.
    """
    clips = []
    for index, sequence in enumerate(sequences):
        motion = store.motion(sequence)
        intra, length = motion.intra_frames, motion.num_frames
        if pairs == "every_distance":
            clips += every_distance(index, intra, keyframe_interval, sequence.labelled)
            continue
        if keyframe_interval > length:
            raise ValueError(
                f"keyframe_interval={keyframe_interval} is longer than {sequence.name} with its "
                f"{length} frames; use at most {length}"
            )
        clips += group_of_pictures(index, intra, length, keyframe_interval, sequence.labelled)
    if not clips:
        raise ValueError(
            f"no labelled frame has keyframe_interval={keyframe_interval} frames to itself "
            f"without an I-frame between; use a smaller keyframe_interval, longer clips or "
            f"test_pairs=stream"
        )
    return clips


class PreparedClips(Dataset[Clip]):
    """Pairs of a keyframe and a labelled frame from files that someone else prepared.

    Args:
        clips: The files.
        classes: How labels are read.
        normalise: Normalisation.
        with_motion: False reads no motion files and gives zero motion.

    Raises:
        ValueError: If the files of a clip differ in size.
    """

    def __init__(
        self,
        clips: list[PreparedClip],
        classes: ClassSet,
        normalise: Normalisation,
        with_motion: bool = True,
    ) -> None:
        self.clips = clips
        self.classes = classes
        self.normalise = normalise
        self.with_motion = with_motion

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        clip = self.clips[index]
        images = _images_of_one_size(clip.images)
        count, height, width, _ = images.shape
        labels = torch.full((count, height, width), self.classes.ignore_index)
        labels[-1] = torch.from_numpy(read_label(clip.label, self.classes, (height, width)))
        motion = torch.zeros(count, 2, height, width)
        if clip.motion is not None and self.with_motion:
            field = read_published_motion(clip.motion, (height, width))
            motion[-1] = torch.from_numpy(field.xy)
        return Clip(
            images=self.normalise(to_tensor(images)),
            motion=motion,
            labels=labels,
            distances=torch.tensor([0, clip.distance][-count:]),
            names=tuple(path.stem for path in clip.images),
        )


def _images_of_one_size(paths: tuple[Path, ...]) -> NDArray[np.uint8]:
    """Read images and stack them, (T, H, W, 3)."""
    images = [read_image(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[-1].shape:
            raise ValueError(
                f"{path} is {size_text(image.shape)}, {paths[-1]} is "
                f"{size_text(images[-1].shape)} (height x width); a keyframe has "
                f"the size of its frames: prepare both from one video"
            )
    return np.stack(images)
