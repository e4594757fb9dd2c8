"""Evaluation data: streams of whole frames, in pieces that memory can hold."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from arseg_lightning.datasets.clips import (
    ClipSpec,
    EvaluationPairs,
    every_distance,
    keyframes,
    streams,
)
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.types import Frame
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live.frame import StreamedFrame
from arseg_lightning.video.motion import BlockMotion

__all__ = ["EvaluationClip", "EvaluationClips", "EvaluationFrame", "choose_clips"]

_KEPT_BYTES = 256 * 2**20
"""Of the images decoded last: what all pairs of a frame need, up to 85 of them in 1080p."""

_MOST_FRAMES = 16
"""Of a stream, in one piece."""


class EvaluationFrame:
    """A frame that is segmented, and what leads to it.

    Args:
        streamed: The frame, and its motion to the one before it.
        label: Class of each pixel, uint8 of shape (H, W); None if it does not count.
        distance: Frames since the last keyframe of the interval.
        name: For files and messages.
        passed: Motion of the frames that pass by before it, each to the one before it; None
            where an I-frame passes.
    """

    __slots__ = ("distance", "label", "name", "passed", "streamed")

    def __init__(
        self,
        streamed: StreamedFrame,
        label: NDArray[np.uint8] | None,
        distance: int,
        name: str,
        passed: tuple[BlockMotion | None, ...] = (),
    ) -> None:
        self.streamed = streamed
        self.label = label
        self.distance = distance
        self.name = name
        self.passed = passed


class EvaluationClip:
    """A piece of a stream: frames in order, as they came; Lightning leaves it as it is.

    Args:
        frames: The frames; where a stream starts, the first one restarts.
        normalise: Normalisation of images.
        chaining: How motion is composed.
    """

    __slots__ = ("chaining", "frames", "normalise")

    def __init__(
        self, frames: list[EvaluationFrame], normalise: Normalisation, chaining: Chaining
    ) -> None:
        self.frames = frames
        self.normalise = normalise
        self.chaining: Chaining = chaining


class EvaluationClips(Dataset[EvaluationClip]):
    """Streams from prepared videos.

    Args:
        reader: Reads the videos.
        clips: Which streams exist.
        normalise: Normalisation.

    Attributes:
        streams: The stream that each sample is a piece of.
    """

    def __init__(self, reader: ClipReader, clips: list[ClipSpec], normalise: Normalisation) -> None:
        self.reader = reader
        reader.kept_bytes = _KEPT_BYTES
        self.clips = clips
        self.normalise = normalise
        self._pieces = [
            (stream, start)
            for stream, clip in enumerate(clips)
            for start in range(0, len(clip.shown), _MOST_FRAMES)
        ]
        self.streams = [stream for stream, _ in self._pieces]

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, index: int) -> EvaluationClip:
        stream, start = self._pieces[index]
        clip = self.clips[stream]
        shown = clip.shown[start : start + _MOST_FRAMES]
        before = clip.shown[start - 1] if start else None
        images = self.reader.images(clip.video, shown)
        found = []
        for frame, image in zip(shown, images, strict=True):
            found.append(self._frame(clip, frame, before, image))
            before = frame
        return EvaluationClip(found, self.normalise, self.reader.store.chaining)

    def _frame(
        self, clip: ClipSpec, frame: int, before: int | None, image: NDArray[np.uint8]
    ) -> EvaluationFrame:
        # Without motion, nobody knows or asks which frames are I-frames.
        kind, steps = "P", list[BlockMotion | None]([None])
        if self.reader.with_motion:
            motion = self.reader.motion_of(clip.video)
            kind = motion.picture_types[frame]
            if before is not None:  # no motion leads across an I-frame
                kinds = motion.picture_types[before + 1 : frame + 1]
                between = motion.block_motions(before + 1, frame + 1)
                steps = [None if k == "I" else s for k, s in zip(kinds, between, strict=True)]
        video = self.reader.videos[clip.video]
        decoded = Frame(frame, frame / video.fps, kind, image)
        streamed = StreamedFrame(decoded, steps[-1], "start" if before is None else None)
        label = None
        if frame in clip.scored:
            label = self.reader.labels(clip.video, (frame,), decoded.size)[0]
        name = self.reader.name(clip.video, frame)
        return EvaluationFrame(streamed, label, clip.distance(frame), name, tuple(steps[:-1]))


def choose_clips(
    reader: ClipReader,
    keyframe_interval: int,
    pairs: EvaluationPairs | Literal["every_frame"],
    needs: EvaluationNeeds,
) -> list[ClipSpec]:
    """Find the streams of prepared videos that are evaluated, or predicted.

    Args:
        reader: Reads the videos.
        keyframe_interval: L.
        pairs: Where streams start; ``every_frame``: one a video, of all its frames (of a still,
            itself alone), in which no label counts.
        needs: What the methods need together.

    Raises:
        ValueError: If a video is shorter than the keyframe interval, or there is no stream.
    """
    clips = []
    for index, video in enumerate(reader.videos):
        if pairs == "every_frame" and video.is_still:
            clips.append(ClipSpec(index, video.labelled, (), video.labelled))
            continue
        # Without motion, nothing is known of I-frames, and no frame beyond the labels is needed.
        intra: tuple[int, ...] = (0,)
        anchors: frozenset[int] | None = None
        length = max(video.labelled, default=0) + 1
        if reader.with_motion:
            motion = reader.motion_of(index)
            intra, length, anchors = motion.intra_frames, motion.num_frames, motion.anchors
        if pairs == "every_distance":
            clips += every_distance(
                index, intra, keyframe_interval, video.labelled, needs.every_frame
            )
            continue
        if pairs == "every_frame":
            length = reader.length_of(index)
        elif keyframe_interval > length and reader.with_motion:
            raise ValueError(
                f"keyframe_interval={keyframe_interval} is longer than {video.name} with its "
                f"{length} frames; use at most {length}"
            )
        keys = keyframes(intra, length, keyframe_interval, anchors)
        if pairs == "every_frame":
            clips.append(ClipSpec(index, tuple(range(length)), (), tuple(keys)))
        else:
            clips += streams(index, keys, video.labelled, needs.whole_streams, needs.single)
    if not clips:
        raise ValueError(
            f"no labelled frame has keyframe_interval={keyframe_interval} frames to itself "
            f"without an I-frame between; use a smaller keyframe_interval, longer clips or "
            f"test_pairs=stream"
        )
    return clips
