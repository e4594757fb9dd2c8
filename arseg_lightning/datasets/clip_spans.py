"""Frames of a training clip that ends at a labelled frame, by what a method needs."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from arseg_lightning.datasets.clips import TrainDistance
from arseg_lightning.datasets.needs import Needs

__all__ = ["ClipSpans"]


class ClipSpans:
    """Chooses the frames of training clips.

    Args:
        needs: How many frames, how far apart.
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
        self._is_pair = needs.spacing == "keyframe"
        self._steps = needs.frames - 1
        self._gaps = (1, 1) if isinstance(needs.spacing, str) else needs.spacing

    @property
    def least(self) -> int:
        """Frames of past that a labelled frame has to have."""
        if self._is_pair:
            return self.keyframe_interval - 1 if self.distance == "last" else 1
        return self._steps * self._gaps[0]

    def draw(
        self,
        frame: int,
        past: int,
        generator: np.random.Generator,
        anchors: Container[int] | None = None,
    ) -> tuple[int, ...]:
        """Choose the frames of a clip.

        Args:
            frame: The labelled frame.
            past: Frames before it that motion reaches.
            generator: Decides.
            anchors: Frames that are no B-frames: the keyframe of a pair is one, as in use, if
                there is one; all by default.
        """
        if self._is_pair:
            distance = self.keyframe_interval - 1
            if self.distance == "uniform":
                distances: Sequence[int] = range(1, min(distance, past) + 1)
                if anchors is not None:
                    distances = [d for d in distances if frame - d in anchors] or distances
                distance = distances[int(generator.integers(len(distances)))]
            return frame - distance, frame
        # One gap for the whole clip: its frames are evenly spaced.
        shortest, longest = self._gaps
        longest = min(longest, past // self._steps) if self._steps else longest
        gap = int(generator.integers(shortest, longest + 1)) if longest > shortest else shortest
        return tuple(range(frame - self._steps * gap, frame + 1, gap))

    def window(self, frame: int, past: int) -> tuple[int, ...]:
        """All frames that clips which end at a frame are made of."""
        if self._is_pair and self.distance == "last":
            return frame - (self.keyframe_interval - 1), frame
        furthest = self.keyframe_interval - 1 if self._is_pair else self._steps * self._gaps[1]
        return tuple(range(frame - min(past, furthest), frame + 1))

    def refusal(self) -> str:
        """Say that no frame has the past that clips need."""
        if self._is_pair:
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
