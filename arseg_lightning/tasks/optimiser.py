"""The optimiser of a task: which parameters it moves, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

__all__ = ["adam", "build_optimizer"]


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
        learning_rate: Takes the place of the optimiser's own.

    Raises:
        ValueError: If a rate is for no submodule, or nothing wants a gradient.
    """
    parts = {name: set(_submodule(module, name).parameters()) for name in rates}
    groups: dict[str, list[nn.Parameter]] = {}
    for parameter in filter(lambda p: p.requires_grad, module.parameters()):
        name = next((name for name, part in parts.items() if parameter in part), "")
        groups.setdefault(name, []).append(parameter)
    if not groups:
        raise ValueError("no parameter wants a gradient: the method has nothing to train")
    optimizer = make([{"params": group} for group in groups.values()])
    for name, group in zip(groups, optimizer.param_groups, strict=True):
        group["lr"] = (learning_rate or group["lr"]) * rates.get(name, 1.0)
    return optimizer


def _submodule(module: nn.Module, name: str) -> nn.Module:
    try:
        return module.get_submodule(name)
    except AttributeError as error:
        names = ", ".join(child for child, _ in module.named_children())
        raise ValueError(f"rates names {name!r}, and the method has {names}") from error
