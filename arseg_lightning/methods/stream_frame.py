"""Records of a frame in a stream: planned, timed and segmented."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from arseg_lightning.accelerator import synchronize
from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.plan import FrameInput, Plan
from arseg_lightning.models.segmentor import Output
from arseg_lightning.types import Frame

__all__ = ["Executed", "PlannedFrame", "Stopwatch", "StreamResult", "kind_of_reason"]


class Stopwatch:
    """Milliseconds from lap to lap.

    Args:
        device: The device that computes; a GPU is asynchronous and is waited for.
        wait_ms: How long the frame was waited for, which does not count in the total.
    """

    def __init__(self, device: torch.device, wait_ms: float) -> None:
        self.laps = {"wait": wait_ms}
        self._device = device
        self._last = perf_counter()

    def lap(self, name: str) -> None:
        """End a stage, or a part of it."""
        synchronize(self._device)
        now = perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + 1e3 * (now - self._last)
        self._last = now

    @property
    def latency_ms(self) -> float:
        """All laps but the waiting for the frame."""
        return sum(ms for name, ms in self.laps.items() if name != "wait")


@dataclass(frozen=True, slots=True)
class PlannedFrame:
    """A frame whose first step is planned, and not yet taken."""

    frame: Frame
    given: FrameInput  # what its steps are given
    info: FrameInfo  # what the plan knew of it
    plan: Plan  # its first step
    watch: Stopwatch
    number: int  # which frame it is, of those that were taken, from 1


@dataclass(frozen=True, slots=True)
class Executed:
    """One step that was run for a frame.

    Args:
        role: Its role.
        share: Share of the role's multiply-accumulates that was executed.
    """

    role: str
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class StreamResult:
    """The labels of a frame, and the record of how they were made.

    Args:
        frame: The frame.
        output: The method's output, a batch of one.
        executed: The steps that were run, in order; the last one gave the scores.
        distance: Frames since the last frame of a key role, or since the start of the stream.
        is_keyframe: Whether the frame had a key role.
        reason: Why the roles were chosen, as the method says; None if it says nothing.
        labels: Class indices, uint8 of shape (H, W).
        latency_ms: From the frame's arrival to its labels in the host's memory.
        stages: Milliseconds by stage: ``wait`` for the frame (decoding), which is no part of the
            latency, ``image``, ``motion``, ``queue`` for other frames, ``network`` and
            ``labels``.
        frames_late: Later frames that came before it was segmented.
    """

    frame: Frame
    output: Output
    executed: tuple[Executed, ...]
    distance: int
    is_keyframe: bool
    reason: str | None
    labels: NDArray[np.uint8]
    latency_ms: float
    stages: Mapping[str, float]
    frames_late: int = 0

    @property
    def busy_ms(self) -> float:
        """Milliseconds of work: the latency without what the frame waited for others."""
        return self.latency_ms - self.stages.get("queue", 0.0)

    @property
    def role(self) -> str:
        """The role that gave the scores."""
        return self.executed[-1].role

    @property
    def roles(self) -> str:
        """The roles of all steps, joined by ``+``."""
        return "+".join(each.role for each in self.executed)


def kind_of_reason(reason: str) -> str:
    """A reason without its numbers: "reconnected after 3.2 s" is of one kind with the others."""
    return re.split(" after | from ", reason)[0]
