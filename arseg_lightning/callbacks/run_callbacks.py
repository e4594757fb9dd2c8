"""The callbacks of a run: the user's, and ours where the user has none of the kind."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import (
    Callback,
    LearningRateMonitor,
    ModelCheckpoint,
    OnExceptionCheckpoint,
    ProgressBar,
    TQDMProgressBar,
)

from arseg_lightning.callbacks.checkpoints import GeneratorStates
from arseg_lightning.callbacks.progress import CostLine, EpochLines, Throughput
from arseg_lightning.callbacks.run_log import RunLog
from arseg_lightning.callbacks.stop_signal import StopSignal
from arseg_lightning.callbacks.test_record import TestRecord
from arseg_lightning.ranges import check_range

__all__ = ["as_list", "check_trainer", "has_bar", "run_callbacks"]


def check_trainer(options: Mapping[str, Any]) -> None:
    """Refuse arguments of the trainer with which Lightning divides by zero, or hangs.

    Raises:
        ValueError: If a number is below 1, a strategy forks, or a callback resumes by itself.
    """
    # Forked children inherit the locks of threads that do not exist in them.
    strategy = options.get("strategy")
    if isinstance(strategy, str) and re.search("_(fork|notebook)", strategy):
        raise ValueError(
            f"trainer.strategy={strategy} forks a process that has threads, and its children wait "
            f"for them forever; give ddp, or ddp_spawn"
        )
    if any(isinstance(each, OnExceptionCheckpoint) for each in as_list(options.get("callbacks"))):
        raise ValueError(
            "OnExceptionCheckpoint lets a run that is to start again resume from any checkpoint "
            "that it finds: leave it out; after an error, the same command resumes from last.ckpt"
        )
    counts = ("accumulate_grad_batches", "check_val_every_n_epoch")
    check_range(1, **{f"trainer.{name}": options.get(name) for name in counts})


def run_callbacks(
    options: Mapping[str, Any], configured: list[Callback], run_dir: Path
) -> list[Callback]:
    """The user's callbacks, and those of a run that go with them.

    The user's take the place of ours of the same kind. ``enable_checkpointing=False`` leaves out
    the two checkpoints, ``barebones=True`` everything that writes or measures.

    Args:
        options: Arguments of the trainer.
        configured: Callbacks that have a part of the configuration: the checkpoints.
        run_dir: Folder of the run.
    """
    given = as_list(options.get("callbacks"))
    bare = bool(options.get("barebones"))
    if bare or options.get("enable_checkpointing") is False:
        configured = [each for each in configured if not isinstance(each, ModelCheckpoint)]
    if bare:
        return [*given, *configured, StopSignal(), TestRecord(run_dir)]
    shows_bar = has_bar(options)
    ours: list[Callback] = [
        *configured,
        RunLog(run_dir),
        CostLine(),
        Throughput(),  # before EpochLines, which shows its values
        EpochLines(printed=not (shows_bar and sys.stderr.isatty())),
        GeneratorStates(),
        StopSignal(),
    ]
    if options.get("logger") not in (False, []):
        ours.append(LearningRateMonitor())
    if shows_bar and not any(isinstance(each, ProgressBar) for each in given):
        ours.append(TQDMProgressBar())  # else Lightning takes Rich's, should that be installed
    ours.append(TestRecord(run_dir))  # prints once the bar is closed
    return [
        *given,
        *(each for each in ours if not any(isinstance(other, type(each)) for other in given)),
    ]


def has_bar(options: Mapping[str, Any]) -> bool:
    """Whether there is a progress bar: if asked for, else in a terminal or if one is configured."""
    asked = options.get("enable_progress_bar")
    if asked is not None:
        return bool(asked)
    given = as_list(options.get("callbacks"))
    return not options.get("barebones") and (
        sys.stderr.isatty() or any(isinstance(each, ProgressBar) for each in given)
    )


def as_list(value: Any) -> list[Any]:
    """The values of an option that takes none, one or several."""
    if value is None:
        return []
    return [*value] if isinstance(value, list | tuple) else [value]
