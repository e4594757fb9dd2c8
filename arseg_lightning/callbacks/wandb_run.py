"""Where a run in Weights & Biases begins and ends: with the experiment, also an interrupted one."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["keep_wandb_run", "own_wandb_run", "wandb_settings"]


@contextmanager
def own_wandb_run() -> Iterator[None]:
    """End the W&B run of what is done within, so that what follows does not log to it.

    A program may start several experiments, a notebook for instance. A run that is open before
    stays open: it is the caller's.
    """
    before = _open_run()
    failed = True
    try:
        yield
        failed = False
    finally:
        run = _open_run()
        if run is not None and run is not before:
            run.finish(exit_code=int(failed))


def keep_wandb_run(loggers: Any, previous: Any) -> None:
    """Give each ``WandbLogger`` without an id that of the run that goes on, or a new one.

    The id is part of the recorded configuration, where the next start finds it. What is set stays,
    also by a W&B agent.

    Args:
        loggers: The configuration's ``trainer.logger``; changed in place.
        previous: The same of the run that goes on, as it was recorded; None for a new run.
    """
    if os.environ.get("WANDB_RUN_ID"):
        return
    known = [settings["init_args"].get("id") for settings in wandb_settings(previous)]
    for number, settings in enumerate(wandb_settings(loggers)):
        arguments = settings["init_args"]
        if arguments.get("id") is None and arguments.get("version") is None:
            before = known[number] if number < len(known) else None
            arguments["id"] = before or secrets.token_hex(4)


def wandb_settings(loggers: Any) -> Iterator[Any]:
    """The settings of the loggers that are W&B's."""
    for settings in loggers if isinstance(loggers, list) else [loggers]:
        name = str(settings["class_path"]) if hasattr(settings, "get") else ""
        if name.rpartition(".")[2] == "WandbLogger":
            yield settings


def _open_run() -> Any:
    """The process's W&B run, if there is one; W&B is not imported for that."""
    return getattr(sys.modules.get("wandb"), "run", None)
