"""Learning rate over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

__all__ = ["Schedule", "schedule_factor"]

Schedule = Literal["cosine", "polynomial", "constant"]


def schedule_factor(
    schedule: Schedule, total_steps: int, warmup_steps: int = 0
) -> Callable[[int], float]:
    """Factor on the learning rate for each step.

    Args:
        schedule: ``cosine`` to zero (the paper), ``polynomial`` of power 0.9 to zero, ``constant``.
        total_steps: Optimiser steps of the whole run.
        warmup_steps: Steps over which the rate first rises linearly.

    Returns:
        A function of the step, for ``LambdaLR``.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        if schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * progress))
        return (1 - progress) ** 0.9 if schedule == "polynomial" else 1.0

    return factor
