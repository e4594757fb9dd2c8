"""Compares exported graphs with the method that they were made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.export.contract import Agreement
from arseg_lightning.export.graphs import RoleGraph, labels_of, normalised
from arseg_lightning.export.signature import next_state
from arseg_lightning.methods import (
    FrameInput,
    Output,
    Plan,
    RoleCycle,
    State,
    VideoMethod,
    nominal_steps,
)

__all__ = ["EQUAL_LABELS", "SCORE_TOLERANCE", "ExampleFrame", "Runner"]
__all__ += ["agreements", "examples", "require_equal"]

EQUAL_LABELS = 0.9999
"""Share of the pixels that need the same class: rounding may decide between equal scores."""

SCORE_TOLERANCE = 1e-3
"""Greatest difference of a score, as a share of the greatest score."""

Runner = Callable[..., tuple[Tensor, ...]]
"""Runs an exported graph: its inputs in order to its outputs in order."""

_BLOCK = 16
"""Side of a codec's blocks."""


ExampleFrame = Mapping[str, Tensor]
"""``image`` (uint8, (B, H, W, 3)), ``motion`` (B, 2, H, W) and ``valid`` (bool, (B, 1, H, W))."""


def agreements(
    method: VideoMethod,
    graphs: Mapping[str, RoleGraph],
    runners: Mapping[str, Runner],
    cycle: RoleCycle,
    streams: Mapping[str, Iterator[ExampleFrame]],
) -> dict[str, tuple[Agreement, ...]]:
    """Run exported graphs and the method on the same streams, each with its own state.

    A stream ends when every role has run twice (once where no frame but its keyframe has an
    influence on another), or with the schedule.

    Args:
        method: The method, in evaluation mode.
        graphs: Names of the inputs and outputs, by role.
        runners: The exported graphs.
        cycle: The schedule.
        streams: Endless streams, by name.
    """
    found: dict[str, tuple[Agreement, ...]] = dict.fromkeys(graphs, ())
    enough = 1 if method.needs.independent else 2
    for name, stream in streams.items():
        compared = _Comparison(method, graphs, runners, name, stream)
        ran: list[str] = []
        with torch.no_grad():
            steps = nominal_steps(method, compared.move_on(), compared.step)
            for _, roles in zip((*cycle.start, *cycle.cycle), steps, strict=False):
                ran += roles
                if all(ran.count(role) >= enough for role in graphs):
                    break
                compared.move_on()
        for role, each in compared.found.items():
            found[role] += (_worst(each),)
    return found


def require_equal(checks: Mapping[str, Sequence[Agreement]]) -> None:
    """Raise unless all graphs give what the method gives.

    Raises:
        ValueError: If one does not.
    """
    for role, role_checks in checks.items():
        for check in role_checks:
            allowed = SCORE_TOLERANCE * check.scores_scale
            if check.equal_labels < EQUAL_LABELS or not check.scores_difference <= allowed:
                raise ValueError(
                    f"the exported {role} graph does not agree with the method on the "
                    f"{check.example}: {check.equal_labels:.4%} of the labels are equal "
                    f"({EQUAL_LABELS:.2%} needed), scores differ by up to "
                    f"{check.scores_difference:.3g} ({allowed:.3g} allowed); nothing was "
                    f"written; another version of torch or onnxruntime may help"
                )


def examples(size: tuple[int, int], batch: bool = False) -> dict[str, Iterator[ExampleFrame]]:
    """Endless streams of each kind: noise, and shapes that move as a video's do.

    Args:
        size: Height and width of the frames.
        batch: Also give both kinds at once.
    """
    streams = {"noise": _noise(size), "moving shapes": _moving(size)}
    if batch:
        both = zip(_noise(size), _moving(size), strict=True)
        streams["batch of both"] = (_together(frames) for frames in both)
    return streams


class _Comparison:
    """A stream through the method and through the graphs, step by step."""

    def __init__(
        self,
        method: VideoMethod,
        graphs: Mapping[str, RoleGraph],
        runners: Mapping[str, Runner],
        name: str,
        stream: Iterator[ExampleFrame],
    ) -> None:
        self.method, self.graphs, self.runners = method, graphs, runners
        self.name, self.stream = name, stream
        self.found: dict[str, list[Agreement]] = {}
        self.their_state: dict[str, Tensor] = {}

    def move_on(self) -> FrameInput:
        """Take the next frame."""
        self.pixels = next(self.stream)
        image = normalised(self.pixels["image"], next(iter(self.graphs.values())).normalise)
        has_motion = self.method.needs.motion is not None
        self.frame = (
            FrameInput(**{**self.pixels, "image": image}) if has_motion else FrameInput(image)
        )
        return self.frame

    def step(self, plan: Plan, frame: FrameInput, state: State) -> tuple[Output | None, State]:
        """Take a step on both sides, on the current frame."""
        output, state = self.method.step(plan.role, self.frame, state, **plan.inputs)
        graph = self.graphs[plan.role]
        known = {**self.pixels, **self.their_state, **plan.inputs}
        results = self.runners[plan.role](*(known[name] for name in graph.inputs))
        named = dict(zip(graph.outputs, results, strict=True))
        self.their_state |= next_state(named)
        if output is not None:
            own = {"labels": labels_of(output, self.frame.size), "scores": output.scores}
            self.found.setdefault(plan.role, []).append(_compare(self.name, own, named))
        return output, state


def _noise(size: tuple[int, int]) -> Iterator[ExampleFrame]:
    """Pixels and vectors without any order: whatever an edge does wrong shows."""
    generator = torch.Generator().manual_seed(0)
    while True:
        image = torch.randint(0, 256, (1, *size, 3), generator=generator, dtype=torch.uint8)
        motion = 8 * torch.randn(1, 2, *size, generator=generator)
        valid = torch.rand(1, 1, *size, generator=generator) < 0.5
        yield {"image": image, "motion": motion, "valid": valid}


def _moving(size: tuple[int, int]) -> Iterator[ExampleFrame]:
    """A smooth image that moves, with one vector a block as codecs have them."""
    generator = torch.Generator().manual_seed(1)
    height, width = size
    coarse = 255 * torch.rand(1, 3, 2 + height // 24, 2 + width // 24, generator=generator)
    image = F.interpolate(coarse, size=size, mode="bilinear", align_corners=True)
    blocks = (-(-height // _BLOCK), -(-width // _BLOCK))
    while True:
        vectors = torch.randint(-16, 17, (1, 2, *blocks), generator=generator) / 4  # quarter pixels
        known = (torch.rand(1, 1, *blocks, generator=generator) < 0.9).float()
        motion, valid = (
            F.interpolate(each, scale_factor=_BLOCK)[:, :, :height, :width].contiguous()
            for each in (vectors, known)
        )
        pixels = image.permute(0, 2, 3, 1).to(torch.uint8).contiguous()
        yield {"image": pixels, "motion": motion, "valid": valid.bool()}
        image = image.roll((2, -3), (2, 3))


def _together(frames: Sequence[ExampleFrame]) -> ExampleFrame:
    return {name: torch.cat([frame[name] for frame in frames]) for name in frames[0]}


def _compare(name: str, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Agreement:
    return Agreement(
        example=name,
        equal_labels=(own["labels"] == theirs["labels"]).double().mean().item(),
        scores_difference=(own["scores"] - theirs["scores"]).abs().max().item(),
        scores_scale=own["scores"].abs().max().item(),
    )


def _worst(found: Sequence[Agreement]) -> Agreement:
    """What holds for all frames; NumPy's extremes, unlike Python's, keep what is no number."""
    return Agreement(
        example=found[0].example,
        equal_labels=float(np.min([each.equal_labels for each in found])),
        scores_difference=float(np.max([each.scores_difference for each in found])),
        scores_scale=float(np.min([each.scores_scale for each in found])),
    )
