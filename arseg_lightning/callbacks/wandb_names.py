"""Names runs in Weights & Biases after their folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from arseg_lightning.callbacks.wandb_run import wandb_settings

__all__ = ["name_wandb_runs"]


def name_wandb_runs(loggers: Any, run_dir: Path, command: str) -> None:
    """Complete the settings of each ``WandbLogger``: name, group and kind of the run.

    The run is called as its folder, and grouped with its neighbours; what is set stays.

    Args:
        loggers: The configuration's ``trainer.logger``; changed in place.
        run_dir: Folder of the run.
        command: ``fit``, ``validate`` or ``test``.
    """
    run_dir = run_dir.absolute()
    wanted = {"name": run_dir.name, "group": run_dir.parent.name, "job_type": command}
    for settings in wandb_settings(loggers):
        given = dict(settings.get("dict_kwargs") or {})
        for name, value in wanted.items():
            if name in given:
                continue
            if name not in settings.init_args:  # the parser knows not all of wandb.init's
                settings.dict_kwargs = given = {**given, name: value}
            elif settings.init_args[name] is None:
                settings.init_args[name] = value
