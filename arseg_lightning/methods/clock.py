"""Keyframe clocks, and the facts about a frame that they and plans decide on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.ranges import check_range
from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.keyframes import may_be_keyframe

__all__ = ["Adaptive", "Clock", "CodecKeyframes", "EveryL", "FrameInfo"]


@dataclass(frozen=True)
class FrameInfo:
    """The facts about a frame that a plan knows.

    Args:
        index: Frames since the stream started, or started again.
        distance: Frames since the last frame of a key role (since the start if there was none).
        start: Why nothing before the frame can be referred to (``start``, ``reconnected after
            …``, ``no motion``); None if it can.
        size: Height and width.
        is_intra: Whether the codec coded the frame without any other: an I-frame.
        intra_share: Share of the frame's area that the codec did not predict.
        find_residual: Compares the frame with the one before it, see :attr:`residual`; called
            once, if anyone asks.
        compose: Composes the motion to the last frame of a key role; called once, if anyone asks.
        is_anchor: Whether nothing that is shown later was decoded before it: no B-frame.
        is_last: Whether the stream ends here: what waits for a keyframe gets none but this one.
        is_nominal: Whether there is no frame: schedules are laid out to count and to check, and
            the state may have shapes but no values.
    """

    index: int
    distance: int
    start: str | None = None
    size: tuple[int, int] = (0, 0)
    is_intra: bool = False
    intra_share: float = 0.0
    compose: Callable[[], Motion] | None = None
    is_anchor: bool = True
    is_last: bool = False
    is_nominal: bool = False
    find_residual: Callable[[], NDArray[np.int16]] | None = None

    @cached_property
    def residual(self) -> NDArray[np.int16]:
        """The image minus its prediction, the one before moved by whole pixels: (H, W, 3)."""
        if self.find_residual is None:
            return np.zeros((*self.size, 3), np.int16)
        return self.find_residual()

    @cached_property
    def motion(self) -> Motion:
        """Motion to the last frame of a key role."""
        return Motion.zero(*self.size) if self.compose is None else self.compose()

    @property
    def lost_share(self) -> float:
        """Share of the frame's area that no motion leads from to the last keyframe."""
        return 1.0 - float(self.motion.valid[::BLOCK_SIZE, ::BLOCK_SIZE].mean())

    @property
    def motion_energy(self) -> float:
        """Mean length of the motion to the last keyframe, as a share of the image's diagonal."""
        x, y = self.motion.xy[:, ::BLOCK_SIZE, ::BLOCK_SIZE]
        return float(np.hypot(x, y).mean()) / math.hypot(*self.motion.size)


class Clock(ABC):
    """Decides which frames become keyframes, beyond those that must.

    The first frame of a stream, one after a restart and one without motion always do, and no
    clock is asked. Where a B-frame would become one, the next frame that is none does.

    Attributes:
        most_frames: Most frames from one keyframe to the next, but for B-frames.
        watches_motion: Whether it looks at the motion of frames.
        period: Frames after which it repeats whatever frames show; None if that depends on them.
    """

    most_frames: int
    watches_motion: bool = False
    period: int | None = None

    def choose(self, info: FrameInfo) -> str | None:
        """Say why a frame becomes a keyframe, B-frames considered; None if it does not."""
        reason = self.reason(info)
        if reason is None or not may_be_keyframe(info.distance, self.most_frames, info.is_anchor):
            return None
        return f"{reason}, then no B-frame" if info.distance > self.most_frames else reason

    @abstractmethod
    def reason(self, info: FrameInfo) -> str | None:
        """Say why a frame becomes a keyframe; None if it does not."""


class EveryL(Clock):
    """Every L-th frame, counted again from each I-frame.

    Args:
        keyframe_interval: L.
        on_intra: Whether each I-frame of the codec is a keyframe too. Motion does not lead across
            it; without, the frame is taken to show what the one before it showed, unmoved.

    Source: Hu et al., CVPR 2023, section 3.1.
    """

    def __init__(self, keyframe_interval: int = 12, on_intra: bool = True) -> None:
        check_range(1, keyframe_interval=keyframe_interval)
        self.keyframe_interval = self.most_frames = self.period = keyframe_interval
        self.on_intra = on_intra

    def reason(self, info: FrameInfo) -> str | None:
        """The interval's end, or an I-frame."""
        if self.on_intra and info.is_intra:
            return "I-frame"
        return "interval" if info.distance >= self.keyframe_interval else None


class CodecKeyframes(Clock):
    """The codec's own I-frames, and no interval longer than a bound.

    Args:
        max_interval: Most frames from one keyframe to the next.
    """

    def __init__(self, max_interval: int = 60) -> None:
        check_range(1, max_interval=max_interval)
        self.max_interval = self.most_frames = max_interval

    def reason(self, info: FrameInfo) -> str | None:
        """An I-frame, or the bound."""
        if info.is_intra:
            return "I-frame"
        return "bound" if info.distance >= self.max_interval else None


class Adaptive(CodecKeyframes):
    """A new keyframe when the motion propagated from the last one is no longer reliable.

    Args:
        min_interval: Fewest frames from one keyframe to the next; a scene cut and an I-frame
            do not wait.
        max_interval: Most frames from one keyframe to the next.
        intra_share: Share of the image that no motion leads from to the keyframe.
        motion_energy: Mean length of the motion to the keyframe as a share of the image's
            diagonal: 0.025 are 30 pixels of 720x960.
        scene_cut: Share of one frame that the codec did not predict.

    Raises:
        ValueError: If the least interval is above the most.
    """

    watches_motion = True

    def __init__(
        self,
        min_interval: int = 4,
        max_interval: int = 30,
        intra_share: float = 0.25,
        motion_energy: float = 0.025,
        scene_cut: float = 0.6,
    ) -> None:
        super().__init__(max_interval)
        check_range(1, min_interval=min_interval)
        if min_interval > max_interval:
            raise ValueError(
                f"min_interval is at most max_interval, got {min_interval} and {max_interval}"
            )
        check_range(0, 1, intra_share=intra_share, motion_energy=motion_energy, scene_cut=scene_cut)
        self.min_interval, self.intra_share = min_interval, intra_share
        self.motion_energy, self.scene_cut = motion_energy, scene_cut

    def reason(self, info: FrameInfo) -> str | None:
        """A scene cut or the bound at once; lost area or long motion after the least interval."""
        if info.is_intra:
            return "I-frame"
        if info.intra_share > self.scene_cut:
            return "scene cut"
        if info.distance >= self.max_interval:
            return "bound"
        if info.distance < self.min_interval:
            return None
        if info.lost_share > self.intra_share:
            return "motion lost"
        return "motion" if info.motion_energy > self.motion_energy else None
