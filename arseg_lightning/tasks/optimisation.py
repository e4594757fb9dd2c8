"""Optimiser and learning-rate schedule of a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from lightning.pytorch.cli import LRSchedulerCallable
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

__all__ = ["Interval", "Schedule", "ScheduleName", "adam", "build_optimizer", "build_schedule"]
__all__ += ["schedule_factor"]

ScheduleName = Literal["cosine", "polynomial", "constant"]
Schedule = ScheduleName | LRSchedulerCallable
"""One of ours, set at every step of the optimiser, or a class of torch.optim.lr_scheduler."""

Interval = Literal["epoch", "step"]


def adam(parameters: Any) -> Optimizer:
    """The paper's optimiser for CamVid: Adam, learning rate 1e-3, no weight decay."""
    return torch.optim.Adam(parameters, lr=1e-3)


def build_optimizer(
    make: Callable[[Any], Optimizer],
    module: nn.Module,
    rates: Mapping[str, float],
    learning_rate: float | None = None,
) -> Optimizer:
    """Optimise all parameters that want a gradient, in a group for each rate.

    Args:
        make: Builds the optimiser of groups of parameters.
        module: Has the parameters.
        rates: Factors on the learning rate of submodules, by their names.
        learning_rate: Replaces the optimiser's.

    Raises:
        ValueError: If a rate is for no submodule, or nothing wants a gradient.
    """
    parts: dict[str, set[nn.Parameter]] = {}
    for name in rates:
        try:
            parts[name] = set(module.get_submodule(name).parameters())
        except AttributeError as error:
            names = ", ".join(child for child, _ in module.named_children())
            raise ValueError(f"rates names {name!r}, and the method has {names}") from error
    groups: dict[str, list[nn.Parameter]] = {}
    for parameter in filter(lambda p: p.requires_grad, module.parameters()):
        name = next((name for name, part in parts.items() if parameter in part), "")
        groups.setdefault(name, []).append(parameter)
    if not groups:
        raise ValueError("no parameter wants a gradient: the method has nothing to train")
    optimizer = make([{"params": group} for group in groups.values()])
    # After it is made: only then is the optimiser's own rate known.
    for name, group in zip(groups, optimizer.param_groups, strict=True):
        group["lr"] = (learning_rate or group["lr"]) * rates.get(name, 1.0)
    return optimizer


def build_schedule(
    schedule: Schedule,
    optimizer: Optimizer,
    total_steps: float,
    warmup_steps: int = 0,
    interval: Interval | None = None,
    monitor: str | None = None,
) -> dict[str, Any]:
    """Make Lightning's dictionary of a schedule.

    Args:
        schedule: Name or factory.
        optimizer: Its learning rate is scheduled.
        total_steps: Optimiser steps of the whole run, for schedules that end with it.
        warmup_steps: Steps over which the rate first rises linearly; for named schedules only.
        interval: Its unit of time; by default a step for named schedules, an epoch for others.
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
        stepwise = LambdaLR(optimizer, schedule_factor(schedule, total_steps, warmup_steps))
        return {"scheduler": stepwise, "interval": "step"}
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
    built: dict[str, Any] = {"scheduler": made, "interval": interval or "epoch"}
    return built if monitor is None else built | {"monitor": monitor}


def schedule_factor(
    schedule: ScheduleName, total_steps: float, warmup_steps: int = 0
) -> Callable[[int], float]:
    """Factor on the learning rate, as a function of the step.

    Args:
        schedule: ``cosine`` to zero (the paper), ``polynomial`` of power 0.9 to zero, ``constant``.
        total_steps: Optimiser steps of the whole run.
        warmup_steps: Steps over which the rate first rises linearly.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        if schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * progress))
        return (1 - progress) ** 0.9 if schedule == "polynomial" else 1.0

    return factor
