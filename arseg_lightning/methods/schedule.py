"""The roles of a stream before there is one: laid out for counting and for checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice

import torch

from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.method import VideoMethod
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.models.segmentor import Output

__all__ = ["RoleCycle", "StepOf", "blank_frame", "nominal_steps", "role_cycle"]

StepOf = Callable[[Plan, FrameInput, State], tuple[Output | None, State]]
"""Does a step: as the method does, or counting, or on a graph."""

_WARM_UP = 8
"""Frames after which a stream runs as it will go on."""


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


def role_cycle(method: VideoMethod, steps: Iterator[tuple[str, ...]]) -> RoleCycle:
    """Find what repeats in the nominal roles of a method's frames.

    Args:
        method: The method.
        steps: The roles of each frame of an endless stream, as :func:`nominal_steps` gives them.
    """
    most = method.most_distance
    length = method.cycle or (_WARM_UP if most is None else most + 1)
    rounds = -(-_WARM_UP // length)
    frames = list(islice(steps, (rounds + 1) * length))
    start, cycle = frames[:-length], frames[-length:]
    while start[-length:] == cycle:
        start = start[:-length]
    return RoleCycle(tuple(start), tuple(cycle), method.cycle is not None)


def nominal_steps(
    method: VideoMethod, frame: FrameInput, step: StepOf | None = None
) -> Iterator[tuple[str, ...]]:
    """Run an endless stream of one frame, and say the roles of each.

    Args:
        method: In eval mode; its weights and the frame may be on the meta device.
        frame: What every frame is.
        step: Does a step; the method's own by default.

    Raises:
        ValueError: If a plan needs to see frames although there are none.
    """
    step = step or (lambda plan, frame, state: method.step(plan.role, frame, state, **plan.inputs))
    state: State = {}
    memory, distance = method.begin(), -1
    for index in count():
        distance += 1
        start = None if index else "start"
        info = FrameInfo(index, distance, start, frame.size, is_nominal=True)
        roles: list[str] = []
        while True:
            try:
                plan = method.plan(info, state, memory)
            except (RuntimeError, NotImplementedError) as error:  # PyTorch's, without values
                if not any(tensor.is_meta for tensor in state.values()):
                    raise
                raise ValueError(
                    f"the plan of {method.name} looks at values of its state, which has none where "
                    f"frames are only counted ({error}); answer for info.is_nominal without looking"
                ) from error
            if plan.role in method.key_roles:
                distance = 0
            _, state = step(plan, frame, state)
            roles.append(plan.role)
            if plan.final:
                break
        yield tuple(roles)


def blank_frame(
    method: VideoMethod, size: tuple[int, int], device: torch.device | str = "meta"
) -> FrameInput:
    """A frame without content, as a method's steps take it."""
    dtype = next((p.dtype for p in method.parameters()), torch.float32)
    return method.still(torch.zeros(1, 3, *size, device=device, dtype=dtype))
