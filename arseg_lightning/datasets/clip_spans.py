"""Which frames make a training clip, by what a method needs."""

from __future__ import annotations

import numpy as np

from arseg_lightning.datasets.clips import TrainDistance, sample_distance
from arseg_lightning.datasets.needs import Needs

__all__ = ["ClipSpans"]


class ClipSpans:
    """Which frames make a training clip that ends at a labelled frame.

    Args:
        needs: How many frames, how far apart.
        keyframe_interval: L.
        distance: How the distance of a keyframe and a later frame is chosen.

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

    @property
    def least(self) -> int:
        """Frames of past that a labelled frame has to have."""
        if self._is_pair:
            return self.keyframe_interval - 1 if self.distance == "last" else 1
        return (self.needs.frames - 1) * self._gaps[0]

    def draw(self, frame: int, past: int, generator: np.random.Generator) -> tuple[int, ...]:
        """Choose the frames of a clip."""
        if self._is_pair:
            interval = self.keyframe_interval
            return frame - sample_distance(self.distance, interval, past, generator), frame
        shortest, longest = self._gaps
        steps = self.needs.frames - 1
        longest = min(longest, past // steps) if steps else longest
        gap = int(generator.integers(shortest, longest + 1)) if longest > shortest else shortest
        return tuple(range(frame - steps * gap, frame + 1, gap))

    def window(self, frame: int, past: int) -> tuple[int, ...]:
        """All frames that clips which end at a frame are made of."""
        if not self._is_pair:
            furthest = min(past, (self.needs.frames - 1) * self._gaps[1])
        elif self.distance == "last":
            return frame - (self.keyframe_interval - 1), frame
        else:
            furthest = min(past, self.keyframe_interval - 1)
        return tuple(range(frame - furthest, frame + 1))

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

    @property
    def _is_pair(self) -> bool:
        return self.needs.spacing == "keyframe"

    @property
    def _gaps(self) -> tuple[int, int]:
        return (1, 1) if isinstance(self.needs.spacing, str) else self.needs.spacing
