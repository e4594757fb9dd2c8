"""Which clips exist: keyframes and the frames that depend on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

__all__ = ["ClipSpec", "EvaluationPairs", "TrainDistance", "every_distance", "group_of_pictures"]
__all__ += ["keyframes", "reach", "sample_distance"]

EvaluationPairs = Literal["stream", "every_distance"]
TrainDistance = Literal["uniform", "last"]


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """One clip of one sequence.

    Args:
        sequence: Index of the sequence in its layout.
        keyframe: Frame index of the keyframe.
        frames: Frame indices after it that are segmented, ascending.
        keyframe_counts: Whether the keyframe's own label is evaluated, if it has one.
    """

    sequence: int
    keyframe: int
    frames: tuple[int, ...]
    keyframe_counts: bool = True


def keyframes(intra: Iterable[int], num_frames: int, keyframe_interval: int) -> list[int]:
    """Choose the keyframes of a stream: every L-th frame, counted anew at each I-frame.

    No motion leads across an I-frame, so each I-frame is a keyframe.

    Args:
        intra: Indices of the stream's I-frames.
        num_frames: Length of the stream.
        keyframe_interval: L.
    """
    starts = sorted({0, *intra})
    spans = pairwise([*starts, num_frames])
    return [frame for start, stop in spans for frame in range(start, stop, keyframe_interval)]


def group_of_pictures(
    sequence: int,
    intra: Iterable[int],
    num_frames: int,
    keyframe_interval: int,
    labelled: Iterable[int],
) -> list[ClipSpec]:
    """Cut a stream into keyframe periods, as a stream is segmented: every frame counts once.

    Args:
        sequence: Index of the sequence.
        intra: Indices of the stream's I-frames.
        num_frames: Length of the stream.
        keyframe_interval: L.
        labelled: Frames worth evaluating; periods without any are left out.
    """
    wanted = set(labelled)
    keys = keyframes(intra, num_frames, keyframe_interval)
    clips = []
    for start, stop in pairwise([*keys, num_frames]):
        frames = tuple(frame for frame in range(start + 1, stop) if frame in wanted)
        if frames or start in wanted:
            clips.append(ClipSpec(sequence, start, frames))
    return clips


def every_distance(
    sequence: int, intra: Sequence[int], keyframe_interval: int, labelled: Iterable[int]
) -> list[ClipSpec]:
    """Pair every labelled frame with a keyframe at each distance 0..L-1: the paper's protocol.

    Only frames that have a past of L-1 frames without an I-frame between are used, and only they
    count, so that every distance is measured on the same frames.
    """
    clips = []
    for frame in labelled:
        if reach(frame, intra) >= keyframe_interval - 1:
            clips.append(ClipSpec(sequence, frame, ()))
            keys = range(frame - 1, frame - keyframe_interval, -1)
            clips += [ClipSpec(sequence, key, (frame,), keyframe_counts=False) for key in keys]
    return clips


def reach(frame: int, intra: Sequence[int]) -> int:
    """How many frames back motion leads: to the last I-frame at or before the frame."""
    place = int(np.searchsorted(np.asarray(intra), frame, side="right"))
    return frame - (intra[place - 1] if place else 0)


def sample_distance(
    choice: TrainDistance, keyframe_interval: int, reach: int, generator: np.random.Generator
) -> int:
    """Choose the distance of a training pair.

    Args:
        choice: ``last`` is always L-1, as in the paper; ``uniform`` draws from 1..L-1.
        keyframe_interval: L.
        reach: Largest distance that motion allows for the frame; at least 1.
        generator: Where the draw comes from.
    """
    if choice == "last":
        return keyframe_interval - 1
    return int(generator.integers(1, min(keyframe_interval - 1, reach) + 1))
