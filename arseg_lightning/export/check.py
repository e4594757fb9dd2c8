"""Agreement of exported graphs with the method that they were made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.export.contract import Agreement
from arseg_lightning.export.graphs import RoleGraph, normalised
from arseg_lightning.export.signature import named_results, next_state
from arseg_lightning.methods import FrameInput, Output, Plan, RoleCycle, State, VideoMethod

__all__ = ["EQUAL_LABELS", "SCORE_TOLERANCE", "ExampleFrame", "Runner"]
__all__ += ["agreements", "examples", "require_equal"]

EQUAL_LABELS = 0.9999
"""Share of the pixels that need the same class: rounding may decide between equal scores."""

SCORE_TOLERANCE = 1e-3
"""Greatest difference of a score, as a share of the greatest score."""

Runner = Callable[..., tuple[Tensor, ...]]
"""Runs an exported graph: its inputs in order to its outputs in order."""

ExampleFrame = Mapping[str, Tensor]
"""``image`` (uint8, (B, H, W, 3)), ``motion`` (B, 2, H, W) and ``valid`` (bool, (B, 1, H, W)).

With lookahead, ``later_motion`` and ``later_valid`` too: here they are taken for the same.
"""

_BLOCK = 16
"""Side of a codec's blocks."""


def agreements(
    method: VideoMethod,
    graphs: Mapping[str, RoleGraph],
    runners: Mapping[str, Runner],
    cycle: RoleCycle,
    streams: Mapping[str, Iterator[ExampleFrame]],
) -> dict[str, tuple[Agreement, ...]]:
    """Run exported graphs and the method on the same streams, each with its own state.

    A stream ends when every role has run twice (once where frames depend on their keyframe only),
    or with the schedule.

    Args:
        method: The method, in evaluation mode.
        graphs: Names of the inputs and outputs, by role.
        runners: The exported graphs.
        cycle: The schedule.
        streams: Endless streams, by name.
    """
    agreed: dict[str, tuple[Agreement, ...]] = dict.fromkeys(graphs, ())
    for name, stream in streams.items():
        for role, figures in _compare(method, graphs, runners, cycle, stream).items():
            # NumPy's extremes, unlike Python's, keep NaN.
            worst = zip((np.min, np.max, np.min), zip(*figures, strict=True), strict=True)
            agreed[role] += (Agreement(name, *(float(of(column)) for of, column in worst)),)
    return agreed


def _compare(
    method: VideoMethod,
    graphs: Mapping[str, RoleGraph],
    runners: Mapping[str, Runner],
    cycle: RoleCycle,
    stream: Iterator[ExampleFrame],
) -> dict[str, list[tuple[float, float, float]]]:
    """By role, for each step: share of equal labels, greatest difference, and greatest score."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    known: dict[str, Tensor] = {}  # inputs of the graphs: the state
    pixels_of: dict[int, ExampleFrame] = {}  # by frame: those that wait for a later one, too

    def frames() -> Iterator[FrameInput]:
        graph = next(iter(graphs.values()))
        for pixels in stream:
            later = {f"later_{name}": pixels[name] for name in ("motion", "valid")}
            given = {**pixels, **later}
            seen = {**given, "image": normalised(pixels["image"], graph.normalise)}
            frame = FrameInput(**{name: seen[name] for name in graph.signature.frame})
            pixels_of[id(frame)] = given
            yield frame

    def step(plan: Plan, frame: FrameInput, state: State) -> tuple[Output | None, State]:
        output, state = method.step(plan.role, frame, state, **plan.inputs)
        own = named_results(output, state, frame.size)
        graph, given = graphs[plan.role], {**known, **pixels_of[id(frame)], **plan.inputs}
        if plan.final:
            del pixels_of[id(frame)]
        results = runners[plan.role](*(given[name] for name in graph.inputs))
        theirs = dict(zip(graph.outputs, results, strict=True))
        known.update(next_state(theirs))
        if output is not None:
            equal = (own["labels"] == theirs["labels"]).double().mean().item()
            off = (own["scores"] - theirs["scores"]).abs().max().item()
            figures = (equal, off, own["scores"].abs().max().item())
            found.setdefault(plan.role, []).append(figures)
        return output, state

    enough = 1 if method.needs.independent else 2
    ran: list[str] = []
    with torch.no_grad():
        schedule = (*cycle.start, *cycle.cycle)
        for _, (roles, _) in zip(schedule, method.run_frames(frames(), step), strict=False):
            ran += roles
            if all(ran.count(role) >= enough for role in graphs):
                break
    return found


def require_equal(checks: Mapping[str, Sequence[Agreement]]) -> None:
    """Raise unless all graphs give what the method gives.

    Raises:
        ValueError: If one does not.
    """
    for role, check in ((role, check) for role, each in checks.items() for check in each):
        allowed = SCORE_TOLERANCE * check.scores_scale
        # Written so that NaN fails.
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
        streams["batch of both"] = (
            {name: torch.cat([one[name], other[name]]) for name in one} for one, other in both
        )
    return streams


def _noise(size: tuple[int, int]) -> Iterator[ExampleFrame]:
    """Pixels and vectors without any order: errors at edges show."""
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
    image = F.interpolate(coarse, size=size, mode="bilinear", align_corners=True)  # (1, 3, H, W)
    blocks = (-(-height // _BLOCK), -(-width // _BLOCK))
    while True:
        vectors = torch.randint(-16, 17, (1, 2, *blocks), generator=generator) / 4  # quarter pixels
        known = (torch.rand(1, 1, *blocks, generator=generator) < 0.9).float()
        motion, valid = (
            F.interpolate(each, scale_factor=_BLOCK)[:, :, :height, :width].contiguous()
            for each in (vectors, known)
        )
        pixels = image.permute(0, 2, 3, 1).to(torch.uint8).contiguous()  # (1, H, W, 3)
        yield {"image": pixels, "motion": motion, "valid": valid.bool()}
        image = image.roll((2, -3), (2, 3))
