"""Training that resumes with a changed configuration: the configuration decides."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

__all__ = ["CallbackSettings", "OptimiserSettings", "tell_changes"]

_STATE = "arseg_lightning.optimiser"
"""Where a checkpoint keeps what its optimiser and schedule were configured with."""

_PLAIN = (bool, int, float, str, list, tuple, dict, type(None))


class OptimiserSettings:
    """What an optimiser and its schedule are configured with, before a checkpoint is restored.

    PyTorch restores more than states: learning rate, weight decay, betas, and the schedule's own
    arguments. A configuration that was changed on purpose would go unheard.

    Args:
        optimizer: As it was made, before there is a schedule.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.kind = type(optimizer).__name__
        names = inspect.signature(type(optimizer)).parameters
        # Some optimisers keep states among these: what is no argument is left to the checkpoint.
        self.groups = [
            {
                name: _plain(value)
                for name, value in group.items()
                if name in names and name != "params"
            }
            for group in optimizer.param_groups
        ]
        self.sizes = [len(group["params"]) for group in optimizer.param_groups]
        self.schedule: dict[str, Any] = {}
        self._make: Callable[[], dict[str, Any]] | None = None

    def add_schedule(
        self, make: Callable[[], dict[str, Any]], settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Make the schedule, and remember how.

        Args:
            make: Makes it for the optimiser, as Lightning takes it.
            settings: What decides it, in plain values, beside what its object tells.
        """
        self._make = make
        made = make()
        kind = {"schedule": type(made["scheduler"]).__name__}
        self.schedule = {**kind, **settings, **_arguments(made["scheduler"])}
        return made

    def write(self, checkpoint: dict[str, Any]) -> None:
        """Keep all this in a checkpoint."""
        state = {"kind": self.kind, "sizes": self.sizes}
        checkpoint[_STATE] = state | {"groups": self.groups, "schedule": self.schedule}

    @staticmethod
    def read(checkpoint: Mapping[str, Any]) -> dict[str, Any] | None:
        """What :meth:`write` has kept; None if nobody has."""
        return checkpoint.get(_STATE)

    def refuse_another(self, saved: Mapping[str, Any]) -> None:
        """Raise if a checkpoint's optimiser has another state than this one.

        Raises:
            ValueError: If it is of another class, or optimises other groups of parameters.
        """
        if (saved["kind"], saved["sizes"]) == (self.kind, self.sizes):
            return
        what = f"{saved['kind']}, and this run has {self.kind}"
        if saved["kind"] == self.kind:
            what = f"{self.kind} of {saved['sizes']} parameters a group, and this is {self.sizes}"
        raise ValueError(
            f"the checkpoint's optimiser is {what}: its state does not fit. To start from its "
            f"weights alone, give --model.weights.all CHECKPOINT instead of --ckpt_path"
        )

    def put_back(self, trainer: Trainer, saved: Mapping[str, Any]) -> list[str]:
        """Let the configuration decide, behind a restored optimiser; say what has changed."""
        (optimizer,) = trainer.optimizers
        changes: dict[str, str] = {}
        for group, old, new in zip(
            optimizer.param_groups, saved["groups"], self.groups, strict=True
        ):
            for name in new:
                if old.get(name) != new[name]:
                    changes.setdefault(
                        name, f"{name} {_shown(old.get(name))} -> {_shown(new[name])}"
                    )
                    group[name] = new[name]
        schedule = saved["schedule"]
        for name in {**schedule, **self.schedule}:
            before, now = schedule.get(name), self.schedule.get(name)
            if before != now:
                changes[f"schedule.{name}"] = f"{name} {_shown(before)} -> {_shown(now)}"
        if changes:
            self._move_on(trainer, optimizer, [group["lr"] for group in saved["groups"]])
        return [*changes.values()]

    def _move_on(self, trainer: Trainer, optimizer: Optimizer, before: list[float]) -> None:
        """Set the schedule to where it would be, had it been this one from the start."""
        (config,) = trainer.lr_scheduler_configs
        if self._make is None:
            return
        restored: Any = config.scheduler
        now = [group["lr"] for group in optimizer.param_groups]
        for group, settings in zip(optimizer.param_groups, self.groups, strict=True):
            group.pop("initial_lr", None)
            group["lr"] = settings["lr"]
        schedule: Any = self._make()["scheduler"]
        config.scheduler = schedule
        if isinstance(schedule, ReduceLROnPlateau):  # knows no place, only what it has seen
            if isinstance(restored, ReduceLROnPlateau):
                for name in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch"):
                    setattr(schedule, name, getattr(restored, name))
                for group, rate, old in zip(optimizer.param_groups, now, before, strict=True):
                    group["lr"] *= rate / old
            return
        done = trainer.global_step if config.interval == "step" else trainer.current_epoch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a schedule ahead of its optimiser
            for _ in range(done):
                schedule.step()


class CallbackSettings:
    """Arguments of a trainer's callbacks, before a checkpoint restores them with their states."""

    def __init__(self, trainer: Trainer) -> None:
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        self._settings = [(callback, _arguments(callback)) for callback in callbacks]

    def put_back(self) -> list[str]:
        """Let the configuration decide; say what has changed."""
        changes = []
        for callback, settings in self._settings:
            for name, value in settings.items():
                restored = getattr(callback, name)
                if type(value) in (bool, int, float, str) and restored != value:
                    setattr(callback, name, value)
                    changes.append(f"{type(callback).__name__}.{name} {restored} -> {value}")
        return changes


def tell_changes(changes: list[str]) -> None:
    """Say in one line what the configuration has changed."""
    if changes:
        rank_zero_info(
            f"resuming with another configuration than the checkpoint's: {', '.join(changes)}"
        )


def _arguments(thing: object) -> dict[str, Any]:
    """What an object was constructed with, as far as its attributes tell in plain values."""
    names = [name for name in inspect.signature(type(thing)).parameters if name != "last_epoch"]
    values = {name: _plain(getattr(thing, name)) for name in names if hasattr(thing, name)}
    return {name: value for name, value in values.items() if isinstance(value, _PLAIN)}


def _plain(value: Any) -> Any:
    """A counter is a dictionary, a learning rate that is a tensor is a number."""
    if isinstance(value, dict):
        return dict(value)
    return float(value) if isinstance(value, Tensor) and value.numel() == 1 else value


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
