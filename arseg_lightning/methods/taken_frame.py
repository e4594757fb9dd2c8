"""Frames on their way through a stream: timed, and segmented several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import torch

from arseg_lightning.accelerator import synchronize
from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.method import FrameInput, Plan
from arseg_lightning.models.segmentor import Output
from arseg_lightning.types import Frame

__all__ = ["Stopwatch", "TakenFrame", "batch_frames", "output_of"]


class Stopwatch:
    """Milliseconds from lap to lap; a GPU is waited for, since it works behind the caller's back.

    Args:
        device: Where the work is done.
        wait_ms: How long the frame was waited for, which does not count in the total.
    """

    def __init__(self, device: torch.device, wait_ms: float) -> None:
        self.laps = {"wait": wait_ms}
        self._device = device
        self._start = self._last = perf_counter()

    def lap(self, name: str) -> None:
        """End a stage."""
        synchronize(self._device)
        now = perf_counter()
        self.laps[name] = 1e3 * (now - self._last)
        self._last = now

    @property
    def total_ms(self) -> float:
        """From the start to the last lap."""
        return 1e3 * (self._last - self._start)


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A frame on its way through a stream.

    Args:
        frame: The frame.
        given: What a step is given of it.
        info: What is known of it.
        plan: The first thing to do with it.
        watch: Times its stages.
    """

    frame: Frame
    given: FrameInput
    info: FrameInfo
    plan: Plan
    watch: Stopwatch


def batch_frames(frames: Sequence[FrameInput]) -> FrameInput:
    """Several frames as one batch."""
    images, motion, valid = zip(*((f.image, f.motion, f.valid) for f in frames), strict=True)
    if motion[0] is None:
        return FrameInput(torch.cat(images))
    return FrameInput(torch.cat(images), torch.cat(motion), torch.cat(valid))


def output_of(output: Output, index: int) -> Output:
    """The output of one frame of a batch."""
    names = ("scores", "feature", "found_labels")
    parts = {name: getattr(output, name) for name in names}
    own = {name: x[index : index + 1] for name, x in parts.items() if x is not None}
    return replace(output, **own)
