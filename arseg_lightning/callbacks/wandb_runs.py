"""Runs in Weights & Biases: their names, and where they start, resume and end."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["keep_wandb_run", "name_wandb_runs", "own_wandb_run"]


@contextmanager
def own_wandb_run() -> Iterator[None]:
    """End the W&B run that is opened in the block, so that later experiments do not log to it.

    A program may start several experiments, a notebook for instance. A run that is open before
    stays open: it is the caller's.
    """

    def open_run() -> Any:  # without importing W&B
        return getattr(sys.modules.get("wandb"), "run", None)

    before, failed = open_run(), True
    try:
        yield
        failed = False
    finally:
        run = open_run()
        if run is not None and run is not before:
            run.finish(exit_code=int(failed))


def keep_wandb_run(loggers: Any, previous: Any) -> None:
    """Give each ``WandbLogger`` without an id that of the run that resumes, or a new one.

    The id is part of the recorded configuration, where the next start finds it. An id that is
    set stays, also if a W&B agent sets it.

    Args:
        loggers: The configuration's ``trainer.logger``; changed in place.
        previous: The same of the run that resumes, as it was recorded; None for a new run.
    """
    if os.environ.get("WANDB_RUN_ID"):
        return
    known = [settings["init_args"].get("id") for settings in _wandb_settings(previous)]
    for number, settings in enumerate(_wandb_settings(loggers)):
        arguments = settings["init_args"]
        if arguments.get("id") is None and arguments.get("version") is None:
            before = known[number] if number < len(known) else None
            arguments["id"] = before or secrets.token_hex(4)


def name_wandb_runs(loggers: Any, run_dir: Path, command: str) -> None:
    """Name the run of each ``WandbLogger`` after its folder, and group it with its neighbours.

    Args:
        loggers: The configuration's ``trainer.logger``; changed in place, what is set stays.
        run_dir: Folder of the run.
        command: The kind of the run: ``fit``, ``validate`` or ``test``.
    """
    run_dir = run_dir.absolute()
    wanted = {"name": run_dir.name, "group": run_dir.parent.name, "job_type": command}
    for settings in _wandb_settings(loggers):
        given = settings.get("dict_kwargs") or {}
        for name, value in wanted.items():
            if name not in settings.init_args:  # WandbLogger passes others on to wandb.init
                given = {name: value, **given}
            elif settings.init_args[name] is None and name not in given:
                settings.init_args[name] = value
        if given:
            settings.dict_kwargs = given


def _wandb_settings(loggers: Any) -> Iterator[Any]:
    for settings in loggers if isinstance(loggers, list) else [loggers]:
        name = str(settings["class_path"]) if hasattr(settings, "get") else ""
        if name.rpartition(".")[2] == "WandbLogger":
            yield settings
