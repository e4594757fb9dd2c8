"""Changed configurations of a resumed training, applied by a callback of every task."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.utilities import rank_zero_info
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from arseg_lightning.datasets.trainer_state import resumes

__all__ = ["ConfigurationDecides", "differences"]

_REPORTED = ("optimizer", "rates", "schedule", "warmup_steps", "schedule_interval")
"""Hyperparameters whose changes are reported."""


class ConfigurationDecides(Callback):
    """Resumes with the optimiser's arguments and the schedule that are configured now.

    A checkpoint brings weights, the optimiser's moments, counters and what callbacks have seen.
    Differs: PyTorch restores learning rate, weight decay, betas and the schedule too, and
    EarlyStopping its patience; changes made on purpose would be ignored. Here the schedule is the
    configured one, taken forward to the step; only ReduceLROnPlateau, which follows from what it
    has seen, is the checkpoint's.
    """

    def __init__(self) -> None:
        self._checkpoint: dict[str, Any] | None = None
        self._kinds: list[Any] = []
        self._behind: list[Any] = []  # schedules that start at the first step

    def state_dict(self) -> dict[str, Any]:
        """The kinds of the optimisers, and how many parameters their groups have."""
        return {"kinds": self._kinds}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Report what differs from the run that resumes."""
        self._checkpoint = checkpoint if resumes(trainer) else None
        if self._checkpoint is None:
            return
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            state = checkpoint.get("callbacks", {}).get(callback.state_key)
            if isinstance(callback, EarlyStopping) and state:
                state["patience"] = callback.patience
        before, now = checkpoint.get(pl_module.CHECKPOINT_HYPER_PARAMS_KEY, {}), pl_module.hparams
        changes = [
            f"{name.replace('.init_args', '')} {old} -> {new}"
            for name, old, new in differences(before, now)
            if name.split(".")[0] in _REPORTED
        ]
        if changes:
            rank_zero_info(
                f"resuming with another configuration than the checkpoint's, and the configuration "
                f"decides: {', '.join(changes)}"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the configured arguments into the optimiser's state, before it is restored.

        Raises:
            ValueError: If the state is that of another optimiser.
        """
        self._kinds = [
            [type(each).__name__, [len(group["params"]) for group in each.param_groups]]
            for each in trainer.optimizers
        ]
        if self._checkpoint is None:
            return
        states = self._checkpoint.get("callbacks", {})
        saved = states.get(self.state_key, {}).get("kinds", self._kinds)
        if saved != self._kinds:
            raise ValueError(
                f"the checkpoint's optimiser (parameters a group) is {_shown(saved)}, and this "
                f"run's is {_shown(self._kinds)}: its state does not fit. To start from the "
                f"weights alone, give --model.weights.all CHECKPOINT instead of --ckpt_path"
            )
        configs = trainer.lr_scheduler_configs
        if not any(isinstance(config.scheduler, ReduceLROnPlateau) for config in configs):
            states = self._checkpoint.get("optimizer_states", [])  # Lightning says if it has none
            for optimizer, state in zip(trainer.optimizers, states, strict=False):
                _configure(state["param_groups"], optimizer)
            self._behind, self._checkpoint["lr_schedulers"] = configs, []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the schedule forward, now that the state is restored."""
        behind, self._behind, self._checkpoint = self._behind, [], None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a schedule ahead of its optimiser
            for config in behind:
                by_step = config.interval == "step"
                for _ in range(trainer.global_step if by_step else trainer.current_epoch):
                    config.scheduler.step()


def _configure(groups: list[dict[str, Any]], optimizer: Optimizer) -> None:
    """Write an optimiser's arguments into the groups of a saved state."""
    arguments = inspect.signature(type(optimizer)).parameters
    for saved, group in zip(groups, optimizer.param_groups, strict=True):
        for name, value in group.items():
            # Some optimisers keep states among the defaults: they are no arguments.
            is_state = name in optimizer.defaults and name not in arguments
            if name != "params" and not is_state:
                saved[name] = value


def differences(before: Any, now: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What differs between two configurations: dotted names, with both values.

    What is left out and null are the same.
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            inner = f"{name}.{key}" if name else str(key)
            yield from differences(before.get(key), now.get(key), inner)
    elif before != now:
        yield name, before, now


def _shown(kinds: list[Any]) -> str:
    return ", ".join(f"{kind} {sizes}" for kind, sizes in kinds)
