"""Runs in Weights & Biases: their names, and where they start, resume and end."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["own_wandb_run", "set_wandb_runs"]


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


def set_wandb_runs(loggers: Any, run_dir: Path, command: str, previous: Any = None) -> None:
    """Name the run of each ``WandbLogger`` after its folder.

    A ``fit`` has the id of the run that resumes, or a new one: the id is part of the recorded
    configuration, where the next start finds it.

    Args:
        loggers: The configuration's ``trainer.logger``; changed in place, what is set stays.
        run_dir: Folder of the run.
        command: ``fit``, ``validate`` or ``test``.
        previous: The loggers of the run that resumes, as they were recorded.
    """
    known = [settings["init_args"].get("id") for settings in _wandb_settings(previous)]
    for number, settings in enumerate(_wandb_settings(loggers)):
        arguments = settings.init_args
        if arguments.get("name") is None:
            arguments.name = run_dir.absolute().name
        has_id = arguments.get("id") or arguments.get("version") or os.environ.get("WANDB_RUN_ID")
        if command == "fit" and not has_id:  # the variable is an agent's
            before = known[number] if number < len(known) else None
            arguments.id = before or secrets.token_hex(4)


def _wandb_settings(loggers: Any) -> Iterator[Any]:
    for settings in loggers if isinstance(loggers, list) else [loggers]:
        name = str(settings["class_path"]) if hasattr(settings, "get") else ""
        if name.rpartition(".")[2] == "WandbLogger":
            yield settings
