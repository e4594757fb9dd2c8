"""Losses over neighbouring frames: temporal consistency, and what a teacher knows of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "SequenceDistance",
    "affinity_across",
    "affinity_distance",
    "affinity_within",
    "temporal_consistency",
]


def temporal_consistency(
    scores: Tensor, warped: Tensor, image: Tensor, warped_image: Tensor, valid: Tensor | None = None
) -> Tensor:
    """Squared difference of scores along motion, less where the images differ.

    Args:
        scores: Class scores of a frame, (B, K, H, W).
        warped: Those of a neighbour, warped to the frame.
        image: The frame, normalised, (B, 3, H, W).
        warped_image: The neighbour, warped to the frame.
        valid: False where no motion is known, bool (B, 1, H, W).

    Returns:
        The mean over all classes and pixels, a scalar.

    Source: Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020,
        section 3.1; the weight of a pixel as in the published code, whose absolute value is that
        of the channels' sum.
    """
    weight = torch.exp(-(image - warped_image).sum(1, keepdim=True).abs())  # (B, 1, H, W)
    if valid is not None:
        weight = weight * valid
    return (weight * (scores.float() - warped.float())).square().mean()


def affinity_within(feature: Tensor, pool: int) -> Tensor:
    """Cosines of all pairs of positions of a feature, (B, C, h, w) -> (B, N, N).

    Squares of ``pool`` positions a side are averaged first.
    """
    pooled = F.avg_pool2d(feature.float(), min(pool, *feature.shape[-2:]))
    return affinity_across(pooled, pooled)


def affinity_across(one: Tensor, other: Tensor) -> Tensor:
    """Cosines of all positions of one feature with all of another.

    Shapes:
        one, other: (B, C, h, w)   returns: (B, N, N), by position of ``one``, then of ``other``
    """
    p, q = (F.normalize(x.float().flatten(2), dim=1) for x in (one, other))  # (B, C, N)
    return p.mT @ q


def affinity_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the cosines within a feature; channels may differ in number.

    Source: as :func:`temporal_consistency`, section 3.2 (pair-wise distillation).
    """
    return F.mse_loss(affinity_within(student, 2), affinity_within(teacher, 2))


class SequenceDistance(nn.Module):
    """Distance of what a recurrent network makes of the frames' affinities.

    A convolutional LSTM with random weights that never learn reads the cosines within each frame,
    as images of one channel; its last states for student and teacher are compared.

    Source: as :func:`temporal_consistency`, section 3.2 (multi-frame dependency distillation).
    """

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Conv2d(1 + 4, 4 * 4, 3, padding=1).requires_grad_(False)

    def forward(self, students: Sequence[Tensor], teachers: Sequence[Tensor]) -> Tensor:
        """Compare features (B, C, h, w), frame by frame in order of time; returns a scalar."""
        mine, theirs = self.states(students)[-1], self.states(teachers)[-1]
        return sum(
            (F.mse_loss(a, b) for a, b in zip(mine, theirs, strict=True)), students[0].new_zeros(())
        )

    def states(self, features: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Hidden state and cell after each frame, (B, 4, N, N)."""
        found: list[tuple[Tensor, Tensor]] = []
        for feature in features:
            x = affinity_within(feature, 16)[:, None]  # (B, 1, N, N)
            if not found:
                empty = x.new_zeros(x.shape[0], 4, *x.shape[2:])
                found.append((empty, empty))
            hidden, cell = found[-1]
            gates = self.gates(torch.cat([x, hidden], dim=1)).chunk(4, dim=1)
            enter, keep, leave = (gate.sigmoid() for gate in gates[:3])
            cell = keep * cell + enter * gates[3].tanh()
            found.append((leave * cell.tanh(), cell))
        return found[1:]
