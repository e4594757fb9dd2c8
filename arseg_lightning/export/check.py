"""Holds exported graphs to the system that they were made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.export.contract import Agreement
from arseg_lightning.export.graphs import Graph, Inputs
from arseg_lightning.systems.system import Role

__all__ = ["EQUAL_LABELS", "SCORE_TOLERANCE", "Runner", "agreements", "examples", "require_equal"]

EQUAL_LABELS = 0.9999
"""Share of the pixels that need the same class: rounding may decide between equal scores."""

SCORE_TOLERANCE = 1e-3
"""Greatest difference of a score, as a share of the greatest score."""

Runner = Callable[..., tuple[Tensor, ...]]
"""Runs an exported graph: its inputs in order to its outputs in order."""

_BLOCK = 16
"""Side of a codec's blocks."""


def agreements(
    graphs: Mapping[Role, Graph],
    runners: Mapping[Role, Runner],
    clips: Mapping[str, tuple[Inputs, Inputs]],
) -> dict[Role, tuple[Agreement, ...]]:
    """Run exported graphs and the system on the same frames.

    Non-keyframes get what the exported keyframe graph carries, as they do in use.

    Args:
        graphs: The system's own graphs, in eager mode.
        runners: The exported ones.
        clips: A keyframe and another frame each, by name.
    """
    found: dict[Role, list[Agreement]] = {role: [] for role in graphs}
    for name, frames in clips.items():
        own_carried = their_carried = None
        for (role, graph), frame in zip(graphs.items(), frames, strict=False):
            with torch.inference_mode():
                own = graph.named(graph(*graph.arguments(frame, own_carried)))
            theirs = graph.named(runners[role](*graph.arguments(frame, their_carried)))
            found[role].append(_compare(name, own, theirs))
            own_carried, their_carried = own.get("carried"), theirs.get("carried")
    return {role: tuple(each) for role, each in found.items()}


def require_equal(checks: Mapping[Role, Sequence[Agreement]]) -> None:
    """Raise unless all graphs give what the system gives.

    Raises:
        ValueError: If one does not.
    """
    for role, role_checks in checks.items():
        for check in role_checks:
            allowed = SCORE_TOLERANCE * check.scores_scale
            if check.equal_labels < EQUAL_LABELS or not check.scores_difference <= allowed:
                raise ValueError(
                    f"the exported {role} graph does not agree with the system on the "
                    f"{check.example}: {check.equal_labels:.4%} of the labels are equal "
                    f"({EQUAL_LABELS:.2%} needed), scores differ by up to "
                    f"{check.scores_difference:.3g} ({allowed:.3g} allowed); nothing was "
                    f"written; another version of torch or onnxruntime may help"
                )


def examples(size: tuple[int, int], batch: bool = False) -> dict[str, tuple[Inputs, Inputs]]:
    """A keyframe and another frame of each kind: noise, and shapes that move as a video's do.

    Args:
        size: Height and width of the frames.
        batch: Also give both kinds at once.
    """
    generator = torch.Generator().manual_seed(0)
    clips = {
        "noise": (_noise(size, generator), _noise(size, generator)),
        "moving shapes": _moving(size, generator),
    }
    if batch:
        key, other = (_together(frames) for frames in zip(*clips.values(), strict=True))
        clips["batch of both"] = key, other
    return clips


def _noise(size: tuple[int, int], generator: torch.Generator) -> Inputs:
    """Pixels and vectors without any order: whatever an edge does wrong shows."""
    image = torch.randint(0, 256, (1, *size, 3), generator=generator, dtype=torch.uint8)
    return Inputs(image, 8 * torch.randn(1, 2, *size, generator=generator))


def _moving(size: tuple[int, int], generator: torch.Generator) -> tuple[Inputs, Inputs]:
    """A smooth picture and itself moved, with one vector a block as codecs have them."""
    height, width = size
    coarse = 255 * torch.rand(1, 3, 2 + height // 24, 2 + width // 24, generator=generator)
    picture = F.interpolate(coarse, size=size, mode="bilinear", align_corners=True)
    blocks = (1, 2, -(-height // _BLOCK), -(-width // _BLOCK))
    vectors = torch.randint(-16, 17, blocks, generator=generator) / 4  # quarters of a pixel
    motion = F.interpolate(vectors, scale_factor=_BLOCK)[:, :, :height, :width].contiguous()
    key, other = (
        Inputs(image.permute(0, 2, 3, 1).to(torch.uint8).contiguous(), motion)
        for image in (picture, picture.roll((2, -3), (2, 3)))
    )
    return key, other


def _together(frames: Sequence[Inputs]) -> Inputs:
    return Inputs(
        torch.cat([frame.image for frame in frames]), torch.cat([frame.motion for frame in frames])
    )


def _compare(name: str, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Agreement:
    return Agreement(
        example=name,
        equal_labels=(own["labels"] == theirs["labels"]).double().mean().item(),
        scores_difference=(own["scores"] - theirs["scores"]).abs().max().item(),
        scores_scale=own["scores"].abs().max().item(),
    )
