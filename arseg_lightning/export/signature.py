"""Schedule of a method, and the inputs and outputs of each role's step, found without values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from arseg_lightning.cost.counting import on_meta
from arseg_lightning.methods import (
    FrameInput,
    Output,
    Plan,
    RoleCycle,
    State,
    VideoMethod,
    once_per_shape,
    role_cycle,
)
from arseg_lightning.methods.plan import check_state

__all__ = ["FRAME", "NEXT", "Signature", "lay_out", "named_results", "next_state"]

FRAME = ("image", "motion", "valid", "later_motion", "later_valid")
"""Tensors of a frame, by the names of :class:`FrameInput`."""

NEXT = "next_"
"""Prefix of a state tensor that a graph returns."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a role's step.

    All tensors are on the meta device: they have shapes and types, and no values.
    """

    frame: Mapping[str, Tensor]  # those of the frame that it is given, of :data:`FRAME`
    state: Mapping[str, Tensor]  # that it is given
    planned: Mapping[str, Tensor]  # made for it by the plan
    inputs: tuple[str, ...]  # names of those that it reads, in the order above
    # ``labels`` and ``scores``, if the role gives scores, and ``next_NAME`` for each tensor of the
    # state that is not the one that came in
    results: Mapping[str, Tensor]
    align_corners: bool | None  # how scores get the image's size; None without scores

    @property
    def given(self) -> dict[str, Tensor]:
        """All tensors that it is given."""
        return {**self.frame, **self.state, **self.planned}

    def __str__(self) -> str:
        """Names and shapes of what it reads, and names of what it gives."""
        read = ", ".join(f"{name} {tuple(self.given[name].shape)}" for name in self.inputs)
        return f"({read}) -> ({', '.join(self.results)})"


def lay_out(method: VideoMethod, size: tuple[int, int]) -> tuple[RoleCycle, dict[str, Signature]]:
    """Find a method's schedule and the signatures of its roles, by running it without values.

    Raises:
        ValueError: If the method has no schedule of its own, the host takes part in it, a role is
            never reached, or the step of a role is not one function of tensors.
    """
    if method.host_work is not None:
        raise ValueError(
            f"{type(method).__name__} ({method.name}) is not exported: {method.host_work} are no "
            f"operators on tensors, which a graph is made of; run it in Python (predict, "
            f"arseg_lightning.streaming), or export what it is compared with (PerFrame)"
        )
    if method.cycle is None:
        clock = "" if method.clock is None else f" (clock {type(method.clock).__name__})"
        raise ValueError(
            f"the roles of {method.name} depend on what frames show{clock}, and an export holds a "
            f"schedule; export a mode of the method, or with a clock, that repeats "
            f"(--model.clock EveryL), and choose the clock again for predict"
        )
    blank = on_meta(method)
    found: dict[str, Signature] = {}

    @once_per_shape
    def step(plan: Plan, frame: FrameInput, state: State) -> tuple[Output | None, State]:
        output, state, signature = _observe(blank, plan, frame, state)
        known = found.setdefault(plan.role, signature)
        if str(known) != str(signature):
            raise ValueError(
                f"the role {plan.role} of {method.name} is one graph, and its step is {known} at "
                f"first and {signature} later; make them two roles"
            )
        return output, state

    with torch.no_grad():
        cycle = role_cycle(blank, size, step)
    if missing := [role for role in method.roles if role not in found]:
        raise ValueError(
            f"the schedule of {method.name} never reaches the role {', '.join(missing)}, so that "
            f"nothing can be said of its graph; export with a clock that reaches it (an interval "
            f"of 2 or more), or take it out of the method's roles"
        )
    return cycle, {role: found[role] for role in method.roles}


def named_results(output: Output | None, state: State, size: tuple[int, int]) -> dict[str, Tensor]:
    """The results of a step, by their names in a graph."""
    results = {NEXT + name: tensor for name, tensor in state.items()}
    if output is None:
        return results
    labels = output.found_labels
    if labels is None:  # by standard operators, whatever PyTorch's fastest way is
        labels = output.logits(size).argmax(dim=1).to(torch.uint8)
    return {"labels": labels, "scores": output.scores, **results}


def next_state(results: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The new tensors of the state among the results of a graph."""
    return {key.removeprefix(NEXT): t for key, t in results.items() if key.startswith(NEXT)}


class _Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes which tensors operators read; passing one on is no reading."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ids: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operator."""
        self.ids.update(map(id, tree_leaves((args, kwargs))))
        return func(*args, **(kwargs or {}))


def _observe(
    method: VideoMethod, plan: Plan, frame: FrameInput, state: State
) -> tuple[Output | None, State, Signature]:
    """Take a step, on copies of its inputs so that each tensor has its identity."""
    parts = ({name: getattr(frame, name) for name in FRAME}, state, plan.inputs)
    of_frame, of_state, planned = (
        {name: torch.empty_like(t, device="meta") for name, t in part.items() if t is not None}
        for part in parts
    )
    given = {**of_frame, **of_state, **planned}
    with _Reads() as reads:
        output, after = method.step(plan.role, FrameInput(**of_frame), of_state, **planned)
    after = check_state(after, method.name)
    # What comes out as it went in stays the state it was.
    made = {name: tensor for name, tensor in after.items() if tensor is not of_state.get(name)}
    results = named_results(output, made, frame.size)
    names = [*of_frame, *of_state, *planned, *results]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"the step of {method.name} for the role {plan.role} has two tensors of the name "
            f"{', '.join(twice)}, and a graph's inputs and results have one each; give the one in "
            f"the state, or the plan's, another (not labels, scores, {', '.join(FRAME)})"
        )
    reads.ids.update(map(id, results.values()))  # an output under another name is read too
    if changed := [name for name, tensor in given.items() if tensor._version]:
        raise ValueError(
            f"the step of {method.name} for the role {plan.role} writes into {', '.join(changed)}; "
            f"it has to return a new tensor instead"
        )
    read = {name for name, tensor in given.items() if id(tensor) in reads.ids}
    if read <= set(planned):  # the number of frames is that of an input: the image's at least
        read.add("image")
    inputs = tuple(name for name in given if name in read)
    align_corners = None if output is None else output.align_corners
    return output, after, Signature(of_frame, of_state, planned, inputs, results, align_corners)
