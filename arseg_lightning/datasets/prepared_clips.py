"""Evaluation on pairs of frames that someone else has prepared: files, no video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from arseg_lightning.datasets.clips import EvaluationPairs
from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationFrame
from arseg_lightning.datasets.labels import read_image, read_label
from arseg_lightning.datasets.layout import PreparedClip, PreparedLayout
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.types import ClassSet, Frame, Motion, size_text
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live.frame import StreamedFrame
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.published_motion import read_published_motion

__all__ = ["PreparedClips", "prepared_clips"]


class PreparedClips(Dataset[EvaluationClip]):
    """Pairs of a keyframe and a labelled frame from files that someone else prepared.

    Args:
        clips: The files.
        classes: How labels are read.
        normalise: Normalisation.
        chaining: ``none`` reads no motion files and gives zero motion.

    Raises:
        ValueError: If the files of a clip differ in size.
    """

    def __init__(
        self,
        clips: list[PreparedClip],
        classes: ClassSet,
        normalise: Normalisation,
        chaining: Chaining = "subpixel",
    ) -> None:
        self.clips = clips
        self.classes = classes
        self.normalise = normalise
        self.chaining: Chaining = chaining
        self.streams = list(range(len(clips)))

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> EvaluationClip:
        clip = self.clips[index]
        images = _images_of_one_size(clip.images)
        found = []
        for place, image in enumerate(images):
            distance = (0, clip.distance)[-len(images) :][place]
            kind = "I" if place == 0 else "P"
            decoded = Frame(distance, float(distance), kind, image)
            motion, label = None, None
            if place and clip.motion is not None and self.chaining != "none":
                motion = read_published_motion(clip.motion, decoded.size)
            if place == len(images) - 1:
                label = read_label(clip.label, self.classes, decoded.size)
            start = None if place else "start"
            streamed = StreamedFrame(decoded, None, start, motion or _still(decoded, start))
            # Of the frames between, it is known that they were there.
            passed = (BlockMotion.unknown(decoded.size),) * (distance - 1)
            name = clip.images[place].stem
            found.append(EvaluationFrame(streamed, label, distance, name, passed))
        return EvaluationClip(found, self.normalise, self.chaining)


def _still(frame: Frame, start: str | None) -> Motion | None:
    return None if start else Motion.zero(*frame.size)


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


def prepared_clips(
    layout: PreparedLayout,
    keyframe_interval: int,
    pairs: EvaluationPairs,
    normalise: Normalisation,
    chaining: Chaining,
    needs: EvaluationNeeds,
) -> PreparedClips:
    """The prepared pairs of a layout, if they can serve an evaluation.

    Raises:
        ValueError: If a stream is asked for, or a method has to see every frame.
    """
    if pairs != "every_distance":
        raise ValueError(
            f"prepared pairs hold every distance, not a stream, got test_pairs={pairs}; use "
            f"test_pairs=every_distance"
        )
    if needs.every_frame:
        raise ValueError(
            "prepared pairs hold a keyframe and a labelled frame, and a method that is tested "
            "has to see every frame; test it on videos (CamVid or Cityscapes)"
        )
    clips = layout.clips(keyframe_interval)
    return PreparedClips(clips, layout.classes, normalise, chaining)
