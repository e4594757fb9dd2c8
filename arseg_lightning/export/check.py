"""Agreement of exported graphs with the method that they were made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.export.contract import Agreement
from arseg_lightning.export.graphs import RoleGraph, normalised
from arseg_lightning.export.runtime import Runner
from arseg_lightning.export.signature import named_results, next_state
from arseg_lightning.methods import (
    FrameInput,
    NominalStream,
    Output,
    Plan,
    RoleCycle,
    State,
    VideoMethod,
)

__all__ = ["EQUAL_LABELS", "SCORE_TOLERANCE", "agreements", "examples", "require_equal"]

EQUAL_LABELS = 0.9999
"""Share of the pixels that need the same class: rounding may decide between equal scores."""

SCORE_TOLERANCE = 1e-3
"""Greatest difference of a score, as a share of the greatest score."""

_BLOCK = 16
"""Side of a codec's blocks."""


def agreements(
    method: VideoMethod,
    graphs: Mapping[str, RoleGraph],
    runners: Mapping[str, Runner],
    cycle: RoleCycle,
) -> dict[str, Agreement]:
    """Run exported graphs and the method on the same frames, each with its own state.

    It ends when every role has run twice (once where frames depend on their keyframe only), or
    with the schedule. Roles that give no scores have no agreement.

    Args:
        method: The method, in evaluation mode.
        graphs: Names of the inputs and outputs, by role.
        runners: The exported graphs.
        cycle: The schedule.
    """
    # By role, for each step: share of equal labels, greatest difference, greatest score.
    found: dict[str, list[tuple[float, float, float]]] = {}
    known: dict[str, Tensor] = {}  # inputs of the graphs: the state
    pixels_of: dict[int, dict[str, Tensor]] = {}  # and the frame; some wait for later ones
    graph = next(iter(graphs.values()))

    def frames() -> Iterator[FrameInput]:
        for pixels in examples(graph.size):
            seen = {**pixels, "image": normalised(pixels["image"], graph.normalise)}
            frame = FrameInput(**{name: seen[name] for name in graph.signature.frame})
            pixels_of[id(frame)] = pixels
            yield frame

    def step(plan: Plan, frame: FrameInput, state: State) -> tuple[Output | None, State]:
        output, state = method.step(plan.role, frame, state, **plan.inputs)
        own = named_results(output, state, frame.size)
        graph, given = graphs[plan.role], {**known, **pixels_of[id(frame)], **plan.inputs}
        if plan.final:
            del pixels_of[id(frame)]
        results = runners[plan.role](*(given[name] for name in graph.inputs))
        theirs = dict(zip(graph.outputs, results, strict=True))
        known.update(next_state(theirs))  # its own state, so that errors add up as they would
        if output is not None:
            equal = (own["labels"] == theirs["labels"]).double().mean().item()
            off = (own["scores"] - theirs["scores"]).abs().max().item()
            figures = (equal, off, own["scores"].abs().max().item())
            found.setdefault(plan.role, []).append(figures)
        return output, state

    enough = 1 if method.needs.independent else 2
    ran: list[str] = []
    with torch.no_grad():
        stream, schedule = NominalStream(method, step), (*cycle.start, *cycle.cycle)
        for _, (roles, _) in zip(schedule, stream.run(frames()), strict=False):
            ran += roles
            if all(ran.count(role) >= enough for role in graphs):
                break
    return {role: _worst(figures) for role, figures in found.items()}


def _worst(figures: list[tuple[float, float, float]]) -> Agreement:
    equal, off, scale = zip(*figures, strict=True)
    # NumPy's extremes, unlike Python's, keep NaN.
    return Agreement(float(np.min(equal)), float(np.max(off)), float(np.min(scale)))


def require_equal(agreed: Mapping[str, Agreement]) -> None:
    """Raise a ValueError unless all graphs give what the method gives."""
    for role, each in agreed.items():
        allowed = SCORE_TOLERANCE * each.scores_scale
        # Written so that NaN fails.
        if each.equal_labels < EQUAL_LABELS or not each.scores_difference <= allowed:
            raise ValueError(
                f"the exported {role} graph does not agree with the method: "
                f"{each.equal_labels:.4%} of the labels are equal ({EQUAL_LABELS:.2%} needed), "
                f"scores differ by up to {each.scores_difference:.3g} ({allowed:.3g} allowed); "
                f"nothing was written; another version of torch or of the runtime may help"
            )


def examples(size: tuple[int, int]) -> Iterator[dict[str, Tensor]]:
    """Endless frames: noise on their left, where errors at edges show; moving shapes on the right.

    Shapes:
        yields: image (1, H, W, 3), uint8; motion (1, 2, H, W); valid (1, 1, H, W), bool; and the
        same of the next keyframe's motion, with ``later_``
    """
    generator = torch.Generator().manual_seed(0)
    height, width = size
    is_left = torch.arange(width) < width // 2
    coarse = 255 * torch.rand(1, 3, 2 + height // 24, 2 + width // 24, generator=generator)
    shapes = F.interpolate(coarse, size=size, mode="bilinear", align_corners=True)  # (1, 3, H, W)
    blocks = (-(-height // _BLOCK), -(-width // _BLOCK))
    while True:
        noise = 255 * torch.rand(1, 3, *size, generator=generator)
        image = torch.where(is_left, noise, shapes).to(torch.uint8)
        # One vector a block, in quarter pixels, as codecs have them.
        vectors = torch.randint(-16, 17, (1, 2, *blocks), generator=generator) / 4
        vectors = F.interpolate(vectors, scale_factor=_BLOCK)[:, :, :height, :width]
        disorder = 8 * torch.randn(1, 2, *size, generator=generator)
        motion = torch.where(is_left, disorder, vectors)
        yield {
            "image": image.permute(0, 2, 3, 1).contiguous(),
            "motion": motion,
            "valid": torch.rand(1, 1, *size, generator=generator) < 0.75,
            "later_motion": -motion,
            "later_valid": torch.rand(1, 1, *size, generator=generator) < 0.75,
        }
        shapes = shapes.roll((2, -3), (2, 3))
