"""The callbacks of a run: the user's, and ours where the user has none of the kind."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import (
    Callback,
    LearningRateMonitor,
    ModelCheckpoint,
    ProgressBar,
    TQDMProgressBar,
)

from arseg_lightning.callbacks.checkpoints import GeneratorStates
from arseg_lightning.callbacks.progress import Throughput
from arseg_lightning.callbacks.stop_signal import StopSignal
from arseg_lightning.callbacks.test_record import TestRecord

__all__ = ["as_list", "has_bar", "run_callbacks"]


def run_callbacks(
    options: Mapping[str, Any], configured: list[Callback], run_dir: Path
) -> list[Callback]:
    """The user's callbacks, and those of a run that go with them.

    The user's take the place of ours of the same kind. ``enable_checkpointing=False`` leaves out
    the two checkpoints, ``barebones=True`` everything that writes or measures. ``options`` are the
    trainer's arguments; ``configured``, the checkpoints, have a part of the configuration.
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
        Throughput(printed=not (shows_bar and sys.stderr.isatty())),
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
