"""Ends a run that is asked to stop (SIGTERM) between two steps, in all its processes together."""

from __future__ import annotations

import os
import signal
import threading

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT

__all__ = ["StopSignal", "status_of_stopped"]


class StopSignal(Callback):
    """Takes SIGTERM, as a cluster sends it, and ends the run after the step that it is in.

    Whichever of the processes gets it, all of them end after the same step; in an evaluation of
    several processes, after the next step of training.

    Differs: Lightning's own handler talks to the other processes from wherever the signal has hit,
    between the words of the gradients that they exchange; they hang, or fail each for itself.
    """

    def __init__(self) -> None:
        self._asked = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signal; Lightning gives it back to whom it was, at the end."""

        def note(number: int, frame: object) -> None:
            self._asked = True
            if trainer.world_size == 1:
                _end_soon(trainer)

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, note)

    on_validation_start = on_test_start = on_train_start

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Agree with the other processes on whether to go on."""
        if trainer.world_size > 1 and trainer.strategy.reduce_boolean_decision(
            self._asked, all=False
        ):
            _end_soon(trainer)


def status_of_stopped() -> int:
    """That of a process that SIGTERM ends; whom Lightning has started, it would kill for that."""
    return 128 + signal.SIGTERM if os.environ.get("LOCAL_RANK", "0") == "0" else 0


def _end_soon(trainer: Trainer) -> None:
    """Let Lightning's loop raise ``SIGTERMException`` when the step is done."""
    trainer._signal_connector.received_sigterm = True
