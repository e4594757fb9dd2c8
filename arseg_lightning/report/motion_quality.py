"""How well a stream's motion warps labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from arseg_lightning.metrics import confusion_matrix, iou_per_class
from arseg_lightning.types import Motion
from arseg_lightning.video.video_motion import VideoMotion

__all__ = ["label_confusion", "measure_motion", "warp_label"]

Labels = NDArray[np.uint8]

_LEFT_OUT = 255


def measure_motion(
    field: VideoMotion,
    keyframes: Sequence[int],
    label_of: Callable[[int], Labels | None],
    num_classes: int,
) -> pd.DataFrame:
    """Warp the label of each keyframe to the frames after it, up to the next keyframe.

    All frames of one distance share one confusion matrix; classes that are absent from it are
    left out of the mean. Pixels whose own label is void are left out; a void label that is
    warped onto a class is a miss.

    Args:
        field: The stream's motion.
        keyframes: Their indices, ascending.
        label_of: The label of a frame, uint8 of shape (H, W), with void as any value from
            ``num_classes`` on; None if it has none.
        num_classes: Number of classes.

    Returns:
        A row a ``distance``: ``frames`` that were counted, mIoU of ``warped``
        labels and of those that are ``copied``, which motion has to beat, and the share of pixels
        that are ``filled`` in: an intra-coded block is on their way to the keyframe. All in [0, 1].

    Raises:
        ValueError: If no frame and its keyframe both have a label.
    """
    counts: dict[int, torch.Tensor] = {}
    filled: dict[int, list[float]] = {}
    for keyframe, stop in pairwise([*keyframes, field.num_frames]):
        key_label = label_of(keyframe)
        for frame in range(keyframe + 1, stop) if key_label is not None else ():
            label = label_of(frame)
            if key_label is None or label is None or (label >= num_classes).all():
                continue
            led, distance = field.motion(frame, keyframe), frame - keyframe
            candidates = np.stack([warp_label(key_label, led), key_label])  # (2, H, W)
            found = torch.stack([label_confusion(each, label, num_classes) for each in candidates])
            counts[distance] = counts.get(distance, 0) + found  # (2, K + 1, K + 1)
            filled.setdefault(distance, []).append(1 - float(led.valid.mean()))
    if not counts:
        some = ", ".join(map(str, keyframes[:3])) + ", ..." * (len(keyframes) > 3)
        raise ValueError(
            f"none of the {len(keyframes)} keyframes ({some}) has a label together with a frame "
            f"after it; label consecutive frames, or choose another keyframe_interval"
        )
    distances = sorted(counts)
    # the last class is void: what is warped from there is a miss of others, and no class to average
    iou = torch.stack([iou_per_class(counts[each]) for each in distances])[..., :num_classes]
    warped, copied = torch.nanmean(iou, dim=-1).T.tolist()
    return pd.DataFrame(
        {
            "frames": [len(filled[each]) for each in distances],
            "warped": warped,
            "copied": copied,
            "filled": [float(np.mean(filled[each])) for each in distances],
        },
        index=pd.Index(distances, name="distance"),
    )


def warp_label(label: Labels, motion: Motion) -> Labels:
    """Take each pixel's label from the pixel that motion leads to, held inside the frame.

    Shapes:
        label: (H, W), of the keyframe   returns: (H, W), of the frame
    """
    height, width = label.shape
    x = np.floor(np.arange(width, dtype=np.float32) + motion.xy[0] + 0.5)
    y = np.floor(np.arange(height, dtype=np.float32)[:, None] + motion.xy[1] + 0.5)
    rows, columns = y.clip(0, height - 1).astype(np.intp), x.clip(0, width - 1).astype(np.intp)
    warped: Labels = label[rows, columns]
    return warped


def label_confusion(warped: Labels, label: Labels, num_classes: int) -> torch.Tensor:
    """Count pixels by their own class and the warped one, (K + 1, K + 1); the last one is void."""
    predicted, true = (torch.from_numpy(each.astype(np.int64)) for each in (warped, label))
    true[true >= num_classes] = _LEFT_OUT
    return confusion_matrix(predicted.clamp(max=num_classes), true, num_classes + 1, _LEFT_OUT)
