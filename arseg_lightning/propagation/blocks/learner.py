"""What a stream's own policy learns: its weights, the executed share, and its reward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["PolicyLearner", "information_gain", "policy_loss", "running_share"]

_KEPT = 0.9
"""Of the running mean of the executed share, from frame to frame."""
_DECAY = 1e-3
"""Weight decay of the optimiser."""


@dataclass
class PolicyLearner:
    """A policy's weights, as one stream has learned them so far.

    Attributes:
        weights: By name.
        optimiser: None where nothing learns.
        generator: Draws the blocks.
        mean_share: Running mean of the executed share, (); NaN before the first frame.
        index: Of the frame that was planned last.
    """

    weights: dict[str, Tensor]
    optimiser: torch.optim.Optimizer | None
    generator: torch.Generator
    mean_share: Tensor
    index: int = 0

    @classmethod
    def start(
        cls, weights: Mapping[str, Tensor], learning_rate: float, mean_share: Tensor, seed: int
    ) -> Self:
        """Copy weights; they learn if the rate is above zero."""
        own = {name: weight.detach().clone() for name, weight in weights.items()}
        optimiser = None
        if own and learning_rate:
            learned = [weight.requires_grad_(True) for weight in own.values()]
            optimiser = torch.optim.RMSprop(learned, learning_rate, weight_decay=_DECAY)
        generator = torch.Generator().manual_seed(seed)
        return cls(own, optimiser, generator, mean_share.clone())

    def learn(self, loss: Callable[[Mapping[str, Tensor]], Tensor]) -> None:
        """Take a step of the optimiser."""
        assert self.optimiser is not None
        self.optimiser.zero_grad()
        with torch.enable_grad():
            loss(self.weights).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()


def running_share(mean_share: Tensor, executed: Tensor) -> Tensor:
    """Add a frame's executed blocks to the running mean of their share; at first, they are it."""
    share = executed.float().mean()
    return torch.where(mean_share.isnan(), share, _KEPT * mean_share + (1 - _KEPT) * share)


def information_gain(scores: Tensor, before: Tensor) -> Tensor:
    """How far the scores of a frame are from those of the frame before, per pixel.

    The divergence of their class distributions, divided by the number of classes.

    Shapes:
        scores, before: (B, K, h, w)   returns: (B, 1, h / 4, w / 4)
    """
    size = [max(1, side // 4) for side in scores.shape[-2:]]
    now, then = (
        F.interpolate(x.float(), size=size, mode="bilinear", align_corners=False).log_softmax(1)
        for x in (scores, before)
    )
    return (then.exp() * (then - now)).mean(1, keepdim=True)


def policy_loss(
    logits: Tensor, executed: Tensor, gain: Tensor, mean_share: Tensor, target: float, weight: float
) -> Tensor:
    """The loss of REINFORCE: blocks that were worth it become likelier, others less so.

    A block is worth the greatest information gain in it, and what its execution means for the
    share of executed blocks: a reward below the target, a penalty above it.

    Args:
        logits: Of the policy, with gradients, (B, 1, rows, columns).
        executed: The blocks that were, bool, of the same shape.
        gain: Information gain, (B, 1, h, w).
        mean_share: Running mean of the executed share, ().
        target: The share that is aimed at.
        weight: Of the share's reward; 5 in the paper.

    Source: Verelst and Tuytelaars, BlockCopy, ICCV 2021, sections 3.2 and 3.3.
    """
    above = mean_share - target  # ()
    reward = F.adaptive_max_pool2d(gain - weight * above * above.abs(), logits.shape[-2:])
    reward = torch.where(executed, reward, -reward)
    # Of the Bernoulli distribution
    log_probability = F.logsigmoid(torch.where(executed, logits, -logits))
    return -(log_probability * reward).mean()
