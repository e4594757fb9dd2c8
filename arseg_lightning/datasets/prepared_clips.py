"""Evaluation on pairs of frames that someone else has prepared: files, no video."""

from __future__ import annotations

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

__all__ = ["PreparedClips"]


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

    @classmethod
    def of(
        cls,
        layout: PreparedLayout,
        keyframe_interval: int,
        pairs: EvaluationPairs,
        needs: EvaluationNeeds,
        normalise: Normalisation,
        chaining: Chaining,
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
        return cls(layout.clips(keyframe_interval), layout.classes, normalise, chaining)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> EvaluationClip:
        clip = self.clips[index]
        # Copies, as Pillow's own arrays are read-only, and tensors share the memory of arrays.
        images = [read_image(path).copy() for path in clip.images]
        first, last = images[0], images[-1]
        if first.shape != last.shape:
            raise ValueError(
                f"{clip.images[0]} is {size_text(first.shape)}, {clip.images[-1]} is "
                f"{size_text(last.shape)} (height x width); a keyframe has "
                f"the size of its frames: prepare both from one video"
            )
        key, size = Frame(0, 0.0, "I", first), (first.shape[0], first.shape[1])
        label = read_label(clip.label, self.classes, size)
        start = StreamedFrame(key, None, "start", None)
        if clip.motion is None:
            frames = [EvaluationFrame(start, label, 0, clip.images[0].stem)]
        else:
            motion = Motion.zero(*size)
            if self.chaining != "none":
                motion = read_published_motion(clip.motion, size)
            frame = Frame(clip.distance, float(clip.distance), "P", last)
            # Of the frames between, it is known that they were there.
            passed = (BlockMotion.unknown(size),) * (clip.distance - 1)
            frames = [
                EvaluationFrame(start, None, 0, clip.images[0].stem),
                EvaluationFrame(
                    StreamedFrame(frame, None, None, motion),
                    label,
                    clip.distance,
                    clip.images[-1].stem,
                    passed,
                ),
            ]
        return EvaluationClip(frames, self.normalise, self.chaining)
