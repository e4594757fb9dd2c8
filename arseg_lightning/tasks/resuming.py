"""Changed configurations of a resumed training, applied by a callback of every task."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from arseg_lightning.datasets.trainer_state import resumes

__all__ = ["ConfigurationDecides"]


class ConfigurationDecides(Callback):
    """Resumes with the arguments that are configured now, and reports the changed ones.

    PyTorch restores more than states: learning rate, weight decay, betas and the schedule's
    arguments; Lightning restores those of callbacks. Changes made on purpose would be ignored.
    """

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}
        self._callbacks: list[tuple[Any, dict[str, Any]]] = []
        self._checkpoint: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remember how callbacks are configured."""
        known: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        self._callbacks = [(each, _arguments(each)) for each in known] if stage == "fit" else []

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remember the checkpoint of a run that resumes."""
        self._checkpoint = checkpoint if resumes(trainer) else None
        self._refuse_other_optimiser()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember how the optimiser is configured, before its state is restored."""
        self._settings = _settings(trainer)
        self._refuse_other_optimiser()

    def state_dict(self) -> dict[str, Any]:
        """The configuration of the optimiser and its schedule."""
        return self._settings

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Apply the configuration, now that the state is restored."""
        changes: list[str] = []
        if self._saved and self._settings:
            changes = _put_back_optimiser(trainer, self._saved, self._settings)
        for callback, settings in self._callbacks if self._checkpoint is not None else ():
            for name, value in settings.items():
                restored = getattr(callback, name)
                if type(value) in (bool, int, float, str) and restored != value:
                    setattr(callback, name, value)
                    changes.append(f"{type(callback).__name__}.{name} {restored} -> {value}")
        self._checkpoint, self._callbacks = None, []
        if changes:
            rank_zero_info(
                f"resuming with another configuration than the checkpoint's: {', '.join(changes)}"
            )

    @property
    def _saved(self) -> dict[str, Any]:
        """The configuration of the checkpoint's optimiser; empty if it is not known."""
        states = (self._checkpoint or {}).get("callbacks") or {}
        saved: dict[str, Any] = states.get(self.state_key) or {}
        return saved

    def _refuse_other_optimiser(self) -> None:
        """Raise if the checkpoint's state does not fit this optimiser, once both are known."""
        saved, now = self._saved, self._settings
        if self._checkpoint is None or not saved or not now:
            return  # the strategy decides which of the two is known first
        if saved["schedule"]["schedule"] != now["schedule"]["schedule"]:
            self._checkpoint["lr_schedulers"] = []  # one cannot read the state of another
        kind, sizes = now["kind"], now["sizes"]
        if saved["kind"] != kind:
            what = f"{saved['kind']}, and this run has {kind}"
        elif saved["sizes"] != sizes:
            what = f"{kind} of {saved['sizes']} parameters a group, and this is {sizes}"
        else:
            return
        raise ValueError(
            f"the checkpoint's optimiser is {what}: its state does not fit. To start from its "
            f"weights alone, give --model.weights.all CHECKPOINT instead of --ckpt_path"
        )


def _settings(trainer: Trainer) -> dict[str, Any]:
    """Configuration of the optimiser and its schedule; empty if there are several."""
    if len(trainer.optimizers) != 1 or len(trainer.lr_scheduler_configs) != 1:
        return {}
    (optimizer,), (config,) = trainer.optimizers, trainer.lr_scheduler_configs
    names = inspect.signature(type(optimizer)).parameters
    groups = []
    for group in optimizer.param_groups:
        # A schedule changes the rate as it is made.
        configured = group | {"lr": group.get("initial_lr", group["lr"])}
        groups.append({n: _plain(v) for n, v in configured.items() if n in names and n != "params"})
    schedule = {"schedule": type(config.scheduler).__name__, "schedule_monitor": config.monitor}
    own = getattr(config.scheduler, "settings", None)  # of a StepwiseSchedule
    return {
        "kind": type(optimizer).__name__,
        "sizes": [len(group["params"]) for group in optimizer.param_groups],
        "groups": groups,
        "schedule": own or schedule | _arguments(config.scheduler),
    }


def _put_back_optimiser(trainer: Trainer, saved: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Build a changed optimiser again, with the restored moments; returns the changes."""
    changes: dict[str, str] = {}
    pairs = [
        *zip(saved["groups"], now["groups"], strict=True),
        (saved["schedule"], now["schedule"]),
    ]
    for before, after in pairs:
        for name in {**before, **after}:
            old, new = before.get(name), after.get(name)
            if old != new:
                changes.setdefault(name, f"{name} {_shown(old)} -> {_shown(new)}")
    if not changes:
        return []
    (restored,), (restored_config,) = trainer.optimizers, trainer.lr_scheduler_configs
    trainer.strategy.setup_optimizers(trainer)  # again, as configured
    (optimizer,), (config,) = trainer.optimizers, trainer.lr_scheduler_configs
    optimizer.state = restored.state
    names = inspect.signature(type(optimizer)).parameters
    for group, old_group in zip(optimizer.param_groups, restored.param_groups, strict=True):
        # Some optimisers keep states among the defaults: they are no arguments.
        kept = [name for name in optimizer.defaults if name not in names]
        group.update({name: old_group[name] for name in kept})
    schedule: Any = config.scheduler
    if isinstance(schedule, ReduceLROnPlateau):  # knows no step, only what it has seen
        if saved["schedule"]["schedule"] == now["schedule"]["schedule"]:
            for name in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch"):
                setattr(schedule, name, getattr(restored_config.scheduler, name))
            for group, old_group, settings in zip(
                optimizer.param_groups, restored.param_groups, saved["groups"], strict=True
            ):
                group["lr"] *= old_group["lr"] / settings["lr"]
        return [*changes.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a schedule ahead of its optimiser
        for _ in range(trainer.global_step if config.interval == "step" else trainer.current_epoch):
            schedule.step()
    return [*changes.values()]


def _arguments(thing: object) -> dict[str, Any]:
    """Constructor arguments of an object, as far as its attributes hold them as plain values."""
    names = [name for name in inspect.signature(type(thing)).parameters if name != "last_epoch"]
    values = {name: _plain(getattr(thing, name)) for name in names if hasattr(thing, name)}
    kinds = (bool, int, float, str, list, tuple, dict, type(None))
    return {name: value for name, value in values.items() if isinstance(value, kinds)}


def _plain(value: Any) -> Any:
    """Counters become dictionaries, and learning rates that are tensors numbers."""
    if isinstance(value, dict):
        return dict(value)
    return float(value) if isinstance(value, Tensor) and value.numel() == 1 else value


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
