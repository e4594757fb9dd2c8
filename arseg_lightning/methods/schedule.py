"""The schedule of a method: its roles without a video, for cost, export and benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, repeat
from typing import TypeVar

import torch

from arseg_lightning.methods.method import VideoMethod
from arseg_lightning.methods.plan import FrameInput, Plan, State, StepFunction

__all__ = ["RoleCycle", "once_per_shape", "role_cycle"]

_WARM_UP = 8
"""Frames after which a stream is in its steady state."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class RoleCycle:
    """The roles of a stream's frames.

    Args:
        start: Roles of each frame at the start, before they repeat.
        cycle: Roles of each frame of what repeats.
        repeats: Whether it repeats whatever frames show; otherwise this is one way it may go.
    """

    start: tuple[tuple[str, ...], ...]
    cycle: tuple[tuple[str, ...], ...]
    repeats: bool


def role_cycle(
    method: VideoMethod, size: tuple[int, int], step: StepFunction | None = None
) -> RoleCycle:
    """Find what repeats in the roles of a method's frames, by running it on blank ones.

    Args:
        method: In eval mode, on the meta device: its weights have shapes and no values.
        size: Height and width of the frames.
        step: Replaces the method's step.
    """
    dtype = next((p.dtype for p in method.parameters()), torch.float32)
    blank = method.still(torch.zeros(1, 3, *size, device="meta", dtype=dtype))
    most = method.most_distance
    length = method.cycle or (_WARM_UP if most is None else most + 1)
    # As many whole cycles as the warm-up takes, and one more, which is that of the steady state.
    num_frames = (-(-_WARM_UP // length) + 1) * length
    ran = method.run_frames(repeat(blank), step)
    frames = [roles for roles, _ in islice(ran, num_frames)]
    start, cycle = frames[:-length], frames[-length:]
    while start[-length:] == cycle:
        start = start[:-length]
    return RoleCycle(tuple(start), tuple(cycle), method.cycle is not None)


def once_per_shape(
    step: Callable[[Plan, FrameInput, State], ResultT],
) -> Callable[[Plan, FrameInput, State], ResultT]:
    """Remember the results of steps without values: roles and shapes determine them."""
    known: dict[object, ResultT] = {}

    def remembered(plan: Plan, frame: FrameInput, state: State) -> ResultT:
        given = sorted(plan.inputs.items()) + sorted(state.items())
        key = (plan.role, *((name, tuple(x.shape), x.dtype) for name, x in given))
        if key not in known:
            known[key] = step(plan, frame, state)
        return known[key]

    return remembered
