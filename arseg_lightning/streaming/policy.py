"""When a frame of a stream becomes a keyframe: keyframe policies."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.live import StreamedFrame

__all__ = ["Adaptive", "CodecKeyframes", "EveryL", "KeyframePolicy", "Situation"]


@dataclass(frozen=True)
class Situation:
    """What a policy knows of a frame that may, but need not, become a keyframe.

    Args:
        streamed: The frame and its motion to the one before it.
        distance: Frames since the last keyframe, at least 1.
        compose: Composes the motion to the last keyframe; called once, if anyone asks.
    """

    streamed: StreamedFrame
    distance: int
    compose: Callable[[], Motion]

    @property
    def is_intra(self) -> bool:
        """Whether the codec coded the frame without any other: an I-frame."""
        return self.streamed.frame.picture_type == "I"

    @property
    def intra_share(self) -> float:
        """Share of the frame's area that the codec did not predict."""
        step = self.streamed.step
        return 1.0 if step is None else float(step.intra.mean())

    @cached_property
    def motion(self) -> Motion:
        """Motion to the last keyframe."""
        return self.compose()

    @property
    def lost_share(self) -> float:
        """Share of the frame's area that no motion leads from to the last keyframe."""
        return 1.0 - float(self.motion.valid[::BLOCK_SIZE, ::BLOCK_SIZE].mean())

    @property
    def motion_energy(self) -> float:
        """Mean length of the motion to the last keyframe, as a share of the picture's diagonal."""
        x, y = self.motion.xy[:, ::BLOCK_SIZE, ::BLOCK_SIZE]
        return float(np.hypot(x, y).mean()) / math.hypot(*self.motion.size)


class KeyframePolicy(ABC):
    """Decides which frames become keyframes beyond those that must.

    The first frame of a stream, one behind a restart and one without motion always do, and no
    policy is asked.
    """

    @abstractmethod
    def reason(self, situation: Situation) -> str | None:
        """Say why a frame becomes a keyframe; None if it does not."""


class EveryL(KeyframePolicy):
    """Every L-th frame, counted anew at each I-frame, as in evaluation.

    Args:
        keyframe_interval: L.
        on_intra: Whether each I-frame of the codec is a keyframe too. Motion does not lead across
            it; without, the frame is taken to show what the one before it showed, in place.

    Raises:
        ValueError: If the interval is below 1.

    Source: Hu et al., CVPR 2023, section 3.1.
    """

    def __init__(self, keyframe_interval: int = 12, on_intra: bool = True) -> None:
        self.keyframe_interval = _at_least_1("keyframe_interval", keyframe_interval)
        self.on_intra = on_intra

    def reason(self, situation: Situation) -> str | None:
        """The interval's end, or an I-frame."""
        if self.on_intra and situation.is_intra:
            return "I-frame"
        return "interval" if situation.distance >= self.keyframe_interval else None


class CodecKeyframes(KeyframePolicy):
    """The codec's own I-frames, and no interval longer than a bound.

    Args:
        max_interval: Most frames from one keyframe to the next.

    Raises:
        ValueError: If the interval is below 1.
    """

    def __init__(self, max_interval: int = 60) -> None:
        self.max_interval = _at_least_1("max_interval", max_interval)

    def reason(self, situation: Situation) -> str | None:
        """An I-frame, or the bound."""
        if situation.is_intra:
            return "I-frame"
        return "bound" if situation.distance >= self.max_interval else None


class Adaptive(KeyframePolicy):
    """A new keyframe when what the motion carries from the last one has worn out.

    Args:
        min_interval: Fewest frames from one keyframe to the next; a scene cut and an I-frame
            do not wait.
        max_interval: Most frames from one keyframe to the next.
        intra_share: Share of the picture that no motion leads from to the keyframe.
        motion_energy: Mean length of the motion to the keyframe as a share of the picture's
            diagonal: 0.025 are 30 pixels of 720x960.
        scene_cut: Share of one frame that the codec did not predict.

    Raises:
        ValueError: If an interval is below 1, the least is above the most, or a share is not in
            [0, 1].
    """

    def __init__(
        self,
        min_interval: int = 4,
        max_interval: int = 30,
        intra_share: float = 0.25,
        motion_energy: float = 0.025,
        scene_cut: float = 0.6,
    ) -> None:
        self.min_interval = _at_least_1("min_interval", min_interval)
        self.max_interval = _at_least_1("max_interval", max_interval)
        if min_interval > max_interval:
            raise ValueError(
                f"min_interval is at most max_interval, got {min_interval} and {max_interval}"
            )
        self.intra_share = _share("intra_share", intra_share)
        self.motion_energy = _share("motion_energy", motion_energy)
        self.scene_cut = _share("scene_cut", scene_cut)

    def reason(self, situation: Situation) -> str | None:
        """A scene cut or the bound at once; lost area or far motion behind the least interval."""
        if situation.is_intra:
            return "I-frame"
        if situation.intra_share > self.scene_cut:
            return "scene cut"
        if situation.distance >= self.max_interval:
            return "bound"
        if situation.distance < self.min_interval:
            return None
        if situation.lost_share > self.intra_share:
            return "motion lost"
        return "motion" if situation.motion_energy > self.motion_energy else None


def _at_least_1(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} counts frames and is at least 1, got {value}")
    return value


def _share(name: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is a share and lies in [0, 1], got {value}")
    return value
