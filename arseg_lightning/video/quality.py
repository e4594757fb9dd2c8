"""How good a stream's motion is: labels warped by it, against each frame's own label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import Motion, size_text
from arseg_lightning.video.video_motion import VideoMotion

__all__ = ["DistanceQuality", "MotionQuality", "confusion", "mean_iou", "warp_label"]
__all__ += ["measure_motion"]

Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DistanceQuality:
    """How well labels are warped over one distance.

    Args:
        distance: Frames between the keyframe and the frame.
        num_frames: Frames that were counted.
        miou_warped: mIoU of the keyframe's labels warped by motion, in [0, 1].
        miou_copied: mIoU of the keyframe's labels left where they are: what motion has to beat.
        filled_share: Share of pixels whose way to the keyframe crosses an intra-coded block.
    """

    distance: int
    num_frames: int
    miou_warped: float
    miou_copied: float
    filled_share: float


@dataclass(frozen=True, slots=True)
class MotionQuality:
    """How well a stream's motion warps labels from its keyframes on.

    Args:
        distances: One entry a distance that has labelled frames, ascending.
        intra_share: Share of intra-coded blocks in the frames that are predicted.
    """

    distances: tuple[DistanceQuality, ...]
    intra_share: float

    @property
    def mean_warped(self) -> float:
        """Mean over the distances of the mIoU of warped labels."""
        return float(np.mean([entry.miou_warped for entry in self.distances]))

    @property
    def mean_copied(self) -> float:
        """Mean over the distances of the mIoU of copied labels."""
        return float(np.mean([entry.miou_copied for entry in self.distances]))


def measure_motion(
    motion: VideoMotion,
    keyframes: Sequence[int],
    label_of: Callable[[int], Labels | None],
    num_classes: int,
) -> MotionQuality:
    """Warp the label of each keyframe to the frames behind it, up to the next keyframe.

    All frames of one distance share one confusion matrix; classes that are absent from it are
    left out of the mean. Pixels whose own label is void are left out; a void label that is
    warped onto a class is a miss.

    Args:
        motion: The stream's motion.
        keyframes: Their indices, ascending.
        label_of: The label of a frame, with void as any value from ``num_classes`` on; None for
            a frame without label.
        num_classes: Number of classes.

    Shapes:
        labels: (H, W) uint8, of the size of the pictures

    Raises:
        ValueError: If no frame and its keyframe both have a label, or a label's size is not that
            of the pictures.
    """
    tallies: dict[int, _Tally] = {}
    for keyframe, stop in pairwise([*keyframes, motion.num_frames]):
        key_label = _label(label_of, keyframe, motion.size)
        if key_label is None:
            continue
        for frame in range(keyframe + 1, stop):
            label = _label(label_of, frame, motion.size)
            if label is not None:
                tally = tallies.setdefault(frame - keyframe, _Tally(num_classes))
                tally.add(key_label, label, motion.motion(frame, keyframe))
    entries = tuple(
        tally.quality(distance) for distance, tally in sorted(tallies.items()) if tally.copied.any()
    )
    if not entries:
        some = ", ".join(map(str, keyframes[:3])) + ", ..." * (len(keyframes) > 3)
        raise ValueError(
            f"none of the {len(keyframes)} keyframes ({some}) has a label together with a frame "
            f"behind it; label consecutive frames, or choose another keyframe_interval"
        )
    predicted = [frame for frame, kind in enumerate(motion.picture_types) if kind != "I"]
    shares = [float(motion.block_motion(frame).intra.mean()) for frame in predicted]
    return MotionQuality(entries, float(np.mean(shares)) if shares else 0.0)


def warp_label(label: Labels, motion: Motion) -> Labels:
    """Take each pixel's label from the pixel that motion leads to, held inside the picture.

    Shapes:
        label: (H, W), of the keyframe   returns: (H, W), of the frame
    """
    height, width = label.shape
    x = np.floor(np.arange(width, dtype=np.float32) + motion.xy[0] + 0.5)
    y = np.floor(np.arange(height, dtype=np.float32)[:, None] + motion.xy[1] + 0.5)
    rows, columns = y.clip(0, height - 1).astype(np.intp), x.clip(0, width - 1).astype(np.intp)
    warped: Labels = label[rows, columns]
    return warped


class _Tally:
    """What is counted for one distance: pixels by their own class and the one warped there."""

    def __init__(self, num_classes: int) -> None:
        shape = (num_classes, num_classes + 1)  # the last column: void was warped here
        self.warped, self.copied = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.num_frames = 0
        self.filled = 0.0

    def add(self, key_label: Labels, label: Labels, motion: Motion) -> None:
        """Count one frame."""
        self.warped += confusion(warp_label(key_label, motion), label, len(self.warped))
        self.copied += confusion(key_label, label, len(self.copied))
        self.num_frames += 1
        self.filled += 1 - float(motion.valid.mean())

    def quality(self, distance: int) -> DistanceQuality:
        """Sum up."""
        return DistanceQuality(
            distance,
            self.num_frames,
            miou_warped=mean_iou(self.warped),
            miou_copied=mean_iou(self.copied),
            filled_share=self.filled / self.num_frames,
        )


def confusion(warped: Labels, label: Labels, num_classes: int) -> NDArray[np.int64]:
    """Count pixels by their own class (row) and the warped one (column; the last one: void)."""
    counted = label < num_classes
    found = np.minimum(warped[counted], num_classes)
    cells = label[counted].astype(np.int64) * (num_classes + 1) + found
    size = num_classes * (num_classes + 1)
    return np.bincount(cells, minlength=size).reshape(num_classes, num_classes + 1)


def mean_iou(counts: NDArray[np.int64]) -> float:
    """Mean over the classes that occur."""
    hits = counts.diagonal()
    union = counts.sum(1) + counts[:, :-1].sum(0) - hits
    present = union > 0
    return float((hits[present] / union[present]).mean())


def _label(
    label_of: Callable[[int], Labels | None], frame: int, size: tuple[int, int]
) -> Labels | None:
    """The label of a frame, if it has one, which has to be of the size of the video."""
    label = label_of(frame)
    if label is not None and label.shape != size:
        raise ValueError(
            f"the label of frame {frame} is {size_text(label.shape)}, the video is "
            f"{size_text(size)} (height x width); resize the labels by nearest neighbour"
        )
    return label
