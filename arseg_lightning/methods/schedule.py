"""Streams without a video: plans and steps on tensors, and the roles that they repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, repeat
from typing import TYPE_CHECKING, TypeVar

import torch

from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.plan import FrameInput, Plan, State, StepFunction
from arseg_lightning.models.segmentor import Output

if TYPE_CHECKING:
    from arseg_lightning.methods.method import VideoMethod

__all__ = ["NominalStream", "RoleCycle", "once_per_shape", "role_cycle"]

_WARM_UP = 8
"""Frames after which a stream is in its steady state."""

Ran = tuple[tuple[str, ...], Output | None]
"""The roles of a frame's steps, and what the last one gave."""

ResultT = TypeVar("ResultT")


class NominalStream:
    """Runs frames, or batches of frames, as a stream whose plans know no motion.

    Args:
        method: The method.
        step: Replaces the method's step, to count or to compare.
        is_nominal: Whether plans may not look at frames and state.
    """

    def __init__(
        self, method: VideoMethod, step: StepFunction | None = None, is_nominal: bool = True
    ) -> None:
        self.method, self.step, self.is_nominal = method, step, is_nominal
        self._state: State = {}
        self._memory, self._distance = method.begin(), -1

    def run(self, frames: Iterable[FrameInput]) -> Iterator[Ran]:
        """Run frames one by one; the results come in their order.

        Raises:
            ValueError: If a plan looks at values although there are none.
        """
        waiting = list[tuple[FrameInput, FrameInfo, Plan]]()
        for index, frame in enumerate(frames):
            self._distance += 1
            start = None if index else "start"
            info = FrameInfo(index, self._distance, start, frame.size, is_nominal=self.is_nominal)
            waiting.append((frame, info, self._plan(info)))
            is_key = waiting[-1][2].role in self.method.key_roles
            if is_key or not self.method.needs.lookahead:
                yield from self._run_waiting(waiting)
                waiting = []
        if waiting:
            frame, info, _ = waiting.pop()
            info = replace(info, is_last=True)
            yield from self._run_waiting([*waiting, (frame, info, self._plan(info))])

    def _run_waiting(self, waiting: list[tuple[FrameInput, FrameInfo, Plan]]) -> Iterator[Ran]:
        """Run the last frame, and those that waited for it."""
        *between, last = waiting
        ran = self._run(*last)
        yield from (self._run(*each) for each in between)
        yield ran

    def _run(self, frame: FrameInput, info: FrameInfo, plan: Plan) -> Ran:
        """Take the steps of a frame."""
        roles: tuple[str, ...] = ()
        while True:
            if self.step is None:
                output, self._state = self.method.step(plan.role, frame, self._state, **plan.inputs)
            else:
                output, self._state = self.step(plan, frame, self._state)
            roles = (*roles, plan.role)
            if plan.final:
                return roles, output
            plan = self._plan(info)

    def _plan(self, info: FrameInfo) -> Plan:
        """Have the method plan; a keyframe starts distances again."""
        try:
            plan = self.method.plan(info, self._state, self._memory)
        except (RuntimeError, NotImplementedError) as error:  # PyTorch's, without values
            if not any(tensor.is_meta for tensor in self._state.values()):
                raise
            raise ValueError(
                f"the plan of {self.method.name} looks at values of its state, which has none "
                f"where frames are only counted ({error}); answer for info.is_nominal "
                f"without looking"
            ) from error
        self._distance = 0 if plan.role in self.method.key_roles else self._distance
        return plan


@dataclass(frozen=True, slots=True)
class RoleCycle:
    """The roles of a stream's frames."""

    start: tuple[tuple[str, ...], ...]  # roles of each frame at the start, before they repeat
    cycle: tuple[tuple[str, ...], ...]  # and of each frame of what repeats
    repeats: bool  # whatever frames show; otherwise this is one way it may go


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
    ran = NominalStream(method, step).run(repeat(blank))
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
