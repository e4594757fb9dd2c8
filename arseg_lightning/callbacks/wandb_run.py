"""Lets an interrupted run go on as the same run in Weights & Biases."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import Any

__all__ = ["keep_wandb_run"]


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
    known = [settings["init_args"].get("id") for settings in _wandb(previous)]
    for number, settings in enumerate(_wandb(loggers)):
        arguments = settings["init_args"]
        if arguments.get("id") is None and arguments.get("version") is None:
            before = known[number] if number < len(known) else None
            arguments["id"] = before or secrets.token_hex(4)


def _wandb(loggers: Any) -> Iterator[Any]:
    """The settings of the loggers that are W&B's."""
    for settings in loggers if isinstance(loggers, list) else [loggers]:
        name = str(settings["class_path"]) if hasattr(settings, "get") else ""
        if name.rpartition(".")[2] == "WandbLogger":
            yield settings
