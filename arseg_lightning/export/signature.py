"""Finds the schedule of a method, and what the step of each role reads and gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    blank_frame,
    nominal_steps,
    role_cycle,
)
from arseg_lightning.methods.runner import check_state

__all__ = ["FRAME", "NEXT", "Signature", "lay_out", "next_state"]

FRAME = ("image", "motion", "valid")
"""What a step is given of a frame, by the names of :class:`FrameInput`."""

NEXT = "next_"
"""Before the name of a state tensor: what the graph makes of it."""


def next_state(results: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The new tensors of the state, of what a graph gives."""
    return {key.removeprefix(NEXT): t for key, t in results.items() if key.startswith(NEXT)}


@dataclass(frozen=True, slots=True)
class Signature:
    """What the step of a role is given, what it reads of that, and what it gives.

    All tensors are on the meta device: they have shapes and types, and no values.

    Args:
        frame: What it is given of a frame: of ``image``, ``motion`` and ``valid``.
        state: The state that it is given.
        planned: What the plan has made for it.
        inputs: Names of the tensors that it reads, in the order above.
        results: ``labels`` and ``scores``, if the role gives scores, and ``next_NAME`` for each
            tensor of the state that is not the one that came in.
        align_corners: How scores are brought to the image's size; None without scores.
    """

    frame: Mapping[str, Tensor]
    state: Mapping[str, Tensor]
    planned: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    results: Mapping[str, Tensor]
    align_corners: bool | None

    @property
    def given(self) -> dict[str, Tensor]:
        """All that it is given."""
        return {**self.frame, **self.state, **self.planned}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it gives."""
        return tuple(self.results)

    def __str__(self) -> str:
        """Names and shapes of what it reads, and names of what it gives."""
        read = ", ".join(f"{name} {tuple(self.given[name].shape)}" for name in self.inputs)
        return f"({read}) -> ({', '.join(self.outputs)})"


def lay_out(method: VideoMethod, size: tuple[int, int]) -> tuple[RoleCycle, dict[str, Signature]]:
    """Run the nominal roles of a method without values.

    Args:
        method: The method; it is left as it is.
        size: Height and width of the frames.

    Returns:
        The schedule, and the signatures by role.

    Raises:
        ValueError: If the method has no schedule of its own, a role is never reached, or the step
            of a role is not one function of tensors.
    """
    _refuse_unknown_schedule(method)
    blank = on_meta(method)
    found: dict[str, Signature] = {}

    def step(plan: Plan, frame: FrameInput, state: State) -> tuple[Output | None, State]:
        output, state, signature = _observe(blank, plan, frame, state)
        known = found.get(plan.role, signature)
        if str(known) != str(signature):
            raise ValueError(
                f"the role {plan.role} of {method.name} is one graph, and its step is {known} at "
                f"first and {signature} later; make them two roles"
            )
        found[plan.role] = signature
        return output, state

    with torch.no_grad():
        cycle = role_cycle(blank, nominal_steps(blank, blank_frame(blank, size), step))
    if missing := [role for role in method.roles if role not in found]:
        raise ValueError(
            f"the schedule of {method.name} never reaches the role {', '.join(missing)}, so that "
            f"nothing can be said of its graph; export with a clock that reaches it (an interval "
            f"of 2 or more), or take it out of the method's roles"
        )
    return cycle, {role: found[role] for role in method.roles}


def _refuse_unknown_schedule(method: VideoMethod) -> None:
    """Raise if the roles of a method depend on what frames show."""
    if method.cycle is not None:
        return
    if method.clock is None:
        raise ValueError(
            f"the roles of {method.name} depend on what frames show (its period is None), and an "
            f"export holds a schedule; give the method a period"
        )
    raise ValueError(
        f"the clock {type(method.clock).__name__} of {method.name} looks at frames, and an export "
        f"holds a schedule; export with a clock that repeats (--model.clock EveryL), and choose "
        f"the clock again for predict"
    )


class _Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes which of the named tensors operators read: to hand one on is no reading."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._names = {id(tensor): name for name, tensor in tensors.items()}
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do what an operator does."""
        self.note(tree_leaves((args, kwargs)))
        return func(*args, **(kwargs or {}))

    def note(self, values: Iterable[object]) -> None:
        """Note those of the named tensors that are among some values."""
        self.names |= {self._names[id(each)] for each in values if id(each) in self._names}


def _observe(
    method: VideoMethod, plan: Plan, frame: FrameInput, state: State
) -> tuple[Output | None, State, Signature]:
    """Take a step, on tensors of its own so that each can be told from the others."""
    parts = ((name, getattr(frame, name)) for name in FRAME)
    of_frame = _blank({name: tensor for name, tensor in parts if tensor is not None})
    of_state, planned = _blank(state), _blank(plan.inputs)
    given = {**of_frame, **of_state, **planned}
    with _Reads(given) as reads:
        output, after = method.step(plan.role, FrameInput(**of_frame), of_state, **planned)
    after = check_state(after, method.name)
    results = {}
    if output is not None:
        results = {"labels": output.labels(frame.size), "scores": output.scores}
    results |= {NEXT + key: each for key, each in after.items() if each is not of_state.get(key)}
    reads.note(results.values())  # it comes out under another name
    # A graph is called with a frame at least: the number of frames is that of its first input.
    read = reads.names if reads.names - set(planned) else reads.names | {"image"}
    inputs = tuple(name for name in given if name in read)
    _refuse_clashes(method, plan.role, (*of_frame, *of_state, *planned, *results))
    if changed := [name for name, tensor in given.items() if tensor._version]:
        raise ValueError(
            f"the step of {method.name} for the role {plan.role} writes into {', '.join(changed)}; "
            f"it has to return a new tensor instead"
        )
    align_corners = None if output is None else output.align_corners
    return output, after, Signature(of_frame, of_state, planned, inputs, results, align_corners)


def _blank(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.empty_like(each, device="meta") for name, each in tensors.items()}


def _refuse_clashes(method: VideoMethod, role: str, names: tuple[str, ...]) -> None:
    """Raise if two tensors of a graph have one name."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"the step of {method.name} for the role {role} has two tensors called "
            f"{', '.join(twice)}: state and planned inputs need other names than each other, "
            f"{', '.join(FRAME)}, labels, scores and {NEXT}NAME"
        )
