"""Evaluation data: streams of whole frames in pieces that memory can hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from arseg_lightning.datasets.clips import ClipSpec
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.types import Frame
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live.frame import SourceFrame
from arseg_lightning.video.motion import BlockMotion

__all__ = ["EvaluationClip", "EvaluationClips", "EvaluationFrame"]

_ALIKE = 6  # frames in a row that count as one for chance, or for the eye
# Of the images decoded last: what all pairs of a frame need, up to 85 of them in 1080p.
_KEPT_BYTES = 256 * 2**20
_MOST_FRAMES = 16  # of a stream, in one piece


@dataclass(slots=True, eq=False)
class EvaluationFrame:
    """A frame that is segmented, and what leads to it."""

    streamed: SourceFrame  # the frame, and its motion to the one before it
    label: NDArray[np.uint8] | None  # (H, W) classes; None if it does not count
    distance: int  # frames since the last keyframe of the interval
    name: str  # for files and messages
    # Motion of the skipped frames before it, each to the one before it; None for an I-frame.
    passed: tuple[BlockMotion | None, ...] = ()
    repeats: bool = False  # whether several streams show the video

    @property
    def video(self) -> str:
        """Its video, as names of frames begin."""
        return self.name.rpartition("/")[0]

    @property
    def block(self) -> tuple[str, int]:
        """The six frames in a row that it belongs to: neighbours are alike."""
        return self.video, self.streamed.frame.index // _ALIKE


class EvaluationClip:
    """A piece of a stream, whose first frame restarts: frames, and how networks take them in."""

    # No dataclass: Lightning would look through its fields for tensors to move.
    def __init__(
        self,
        frames: list[EvaluationFrame],
        normalise: Normalisation,
        chaining: Chaining,
        ends: bool = False,  # whether the stream ends with it
    ) -> None:
        self.frames, self.normalise, self.chaining = frames, normalise, chaining
        self.ends = ends


class EvaluationClips(Dataset[EvaluationClip]):
    """Streams from prepared videos; ``streams`` says of which one each sample is a piece."""

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
        self._streams_of = Counter(clip.video for clip in clips)

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, index: int) -> EvaluationClip:
        stream, start = self._pieces[index]
        clip = self.clips[stream]
        shown = clip.shown[start : start + _MOST_FRAMES]
        before = clip.shown[start - 1] if start else None
        images = self.reader.images(clip.video, shown)  # (T, H, W, 3)
        befores = (before, *shown[:-1])
        found = [self._frame(clip, *each) for each in zip(shown, befores, images, strict=True)]
        ends = shown[-1] == clip.shown[-1]
        return EvaluationClip(found, self.normalise, self.reader.store.chaining, ends)

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
        decoded = Frame(frame, frame / self.reader.videos[clip.video].fps, kind, image)
        streamed = SourceFrame(decoded, steps[-1], "start" if before is None else None)
        label = None
        if frame in clip.scored:
            label = self.reader.labels(clip.video, (frame,), decoded.size)[0]  # (H, W)
        name = self.reader.name(clip.video, frame)
        repeats = self._streams_of[clip.video] > 1
        return EvaluationFrame(
            streamed, label, clip.distance(frame), name, tuple(steps[:-1]), repeats
        )
