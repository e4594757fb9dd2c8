"""Multiply-accumulates of a video method: of each role, and per frame on average."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

from arseg_lightning.cost.counting import measure, on_meta
from arseg_lightning.methods import (
    FrameInput,
    Plan,
    State,
    VideoMethod,
    once_per_shape,
    role_cycle,
)

__all__ = ["MethodCost", "method_cost"]

_Steps = list[tuple[str, int, float]]
"""The steps of a frame: role, MACs of a full execution, executed share."""


@dataclass(frozen=True, slots=True)
class MethodCost:
    """Multiply-accumulates (MACs) of a method."""

    roles: Mapping[str, float]  # MACs of one step in each role, executed in full
    mean_macs: float  # MACs per frame, averaged over the frames of one cycle
    frames: int = 1  # frames of a cycle
    # whether the cycle repeats whatever frames show; otherwise it is one way in which a stream
    # may go, and :meth:`mean_over` says what one that was run has cost
    repeats: bool = True

    @property
    def mean_gmacs(self) -> float:
        """Cost per frame in units of 1e9."""
        return self.mean_macs / 1e9

    @property
    def role_gmacs(self) -> dict[str, float]:
        """Cost of each role in units of 1e9."""
        return {role: macs / 1e9 for role, macs in self.roles.items()}

    def mean_over(self, executed: Mapping[str, float], frames: int) -> float:
        """Cost per frame of a stream that was run; NaN of none.

        ``executed`` is the sum of the shares that its steps executed, by role.
        """
        total = sum(share * self.roles[role] for role, share in executed.items())
        return total / frames if frames else math.nan


def method_cost(method: VideoMethod, size: tuple[int, int]) -> MethodCost:
    """Count what a method computes in each role and per frame, by running its steps.

    Args:
        method: The method; not one that is compiled. It stays as it is.
        size: Height and width of the video.

    Raises:
        ValueError: If frames never have one of its roles, or a step cannot be counted.
    """
    method, counted = on_meta(method), list[_Steps]([[]])

    @once_per_shape
    def measured(plan: Plan, frame: FrameInput, state: State) -> tuple[int, State]:
        inputs = {name: tensor.to("meta") for name, tensor in plan.inputs.items()}
        macs, (_, after) = measure(
            method, lambda method: method.step(plan.role, frame, state, **inputs)
        )
        return macs, after

    def step(plan: Plan, frame: FrameInput, state: State) -> tuple[None, State]:
        macs, after = measured(plan, frame, state)
        counted[-1].append((plan.role, macs, plan.executed))
        if plan.final:
            counted.append([])
        return None, after

    cycle = role_cycle(method, size, step)
    counted.pop()  # the frame after the last
    steady = counted[-len(cycle.cycle) :]
    # A role may cost less at the start, where there is nothing yet to reuse: the cycle decides.
    roles: dict[str, float] = {}
    for frames in (counted, steady):
        by_role: dict[str, list[int]] = defaultdict(list)
        for role, macs, _ in chain.from_iterable(frames):
            by_role[role].append(macs)
        roles |= {role: fmean(macs) for role, macs in by_role.items()}
    expected = method.key_roles if method.most_distance == 0 else method.roles
    if missing := [role for role in expected if role not in roles]:
        raise ValueError(
            f"the cost of {method.name} in the role {', '.join(missing)} is not known: where "
            f"frames are only counted, its plan never chooses it; let it do so for info.is_nominal "
            f"(it chose {', '.join(roles)}), or leave it out of the roles"
        )
    total = sum(share * macs for steps in steady for _, macs, share in steps)
    return MethodCost(roles, total / len(steady), len(steady), cycle.repeats)
