"""Learning rate over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from lightning.pytorch.cli import LRSchedulerCallable
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

__all__ = ["Interval", "Schedule", "ScheduleName", "make_schedule", "schedule_factor"]
__all__ += ["schedule_settings"]

ScheduleName = Literal["cosine", "polynomial", "constant"]
Schedule = ScheduleName | LRSchedulerCallable
"""One of ours, set at every step of the optimiser, or a class of torch.optim.lr_scheduler."""

Interval = Literal["epoch", "step"]


def make_schedule(
    schedule: Schedule,
    optimizer: Optimizer,
    total_steps: float,
    warmup_steps: int = 0,
    interval: Interval | None = None,
    monitor: str | None = None,
) -> dict[str, Any]:
    """Make what Lightning takes for a schedule.

    Args:
        schedule: What it is.
        optimizer: Whose learning rate it sets.
        total_steps: Optimiser steps of the whole run, for those that end with it.
        warmup_steps: Steps over which the rate first rises linearly; of ours only.
        interval: When it is stepped; by default ours every step, others every epoch.
        monitor: The metric that ``ReduceLROnPlateau`` looks at.

    Raises:
        ValueError: If warm-up, interval or monitor do not go with the schedule, or it ends with a
            run that has no end.
    """
    if isinstance(schedule, str):
        if interval == "epoch":
            raise ValueError(
                f"schedule={schedule} is set at every step, got schedule_interval=epoch; leave it "
                f"out, or take a class of torch.optim.lr_scheduler"
            )
        if schedule != "constant" and math.isinf(total_steps):
            raise ValueError(
                f"schedule={schedule} ends with the run, and nobody knows how many steps this one "
                f"has; give trainer.max_epochs or trainer.max_steps, or schedule=constant"
            )
        factor = schedule_factor(schedule, total_steps, warmup_steps)
        return {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}
    if warmup_steps:
        raise ValueError(
            f"warmup_steps={warmup_steps} goes with cosine, polynomial and constant; for a warm-up "
            f"before another schedule give torch.optim.lr_scheduler.SequentialLR or OneCycleLR, "
            f"and warmup_steps=0"
        )
    made = schedule(optimizer)
    monitor = monitor or getattr(made, "monitor", None)  # LightningCLI's ReduceLROnPlateau has one
    if isinstance(made, ReduceLROnPlateau) and monitor is None:
        raise ValueError(
            "ReduceLROnPlateau looks at a metric: set schedule_monitor, for example val/miou (with "
            "mode: max) or val/loss"
        )
    return {"scheduler": made, "interval": interval or "epoch"} | (
        {"monitor": monitor} if monitor else {}
    )


def schedule_settings(
    schedule: Schedule, total_steps: float, warmup_steps: int, monitor: str | None
) -> dict[str, Any]:
    """What decides a schedule, in plain values, besides what its object tells."""
    if not isinstance(schedule, str):
        return {"schedule_monitor": monitor}
    settings: dict[str, Any] = {"schedule": schedule, "warmup_steps": warmup_steps}
    return settings | ({} if schedule == "constant" else {"total steps": total_steps})


def schedule_factor(
    schedule: ScheduleName, total_steps: float, warmup_steps: int = 0
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
