"""SIGTERM: a run ends between two steps, in all its processes together."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

__all__ = ["StopSignal", "status_of_stopped"]


class StopSignal(Callback):
    """Takes SIGTERM, as a cluster sends it, and ends the run after the current step.

    Whichever of the processes gets it, all of them end after the same step; in an evaluation of
    several processes, after the next step of training.

    Differs: Lightning's own handler communicates with the other processes from wherever the
    signal arrived, in the middle of their exchange of gradients; they hang, or each one fails.
    """

    def __init__(self) -> None:
        self._asked = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        def note(number: int, frame: object) -> None:
            self._asked = True
            if trainer.world_size == 1:
                trainer._signal_connector.received_sigterm = True

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, note)  # Lightning restores the handler at the end

    on_validation_start = on_test_start = on_train_start

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.world_size > 1 and trainer.strategy.reduce_boolean_decision(
            self._asked, all=False
        ):
            # Lightning's loop raises SIGTERMException when the step is done.
            trainer._signal_connector.received_sigterm = True

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        by = {KeyboardInterrupt: "Ctrl-C", SIGTERMException: "SIGTERM"}.get(type(exception))
        if by is not None and trainer.is_global_zero:
            where = f" in epoch {trainer.current_epoch + 1}" if trainer.training else ""
            print(f"stopped by {by}{where}", flush=True)


def status_of_stopped() -> int:
    """Exit status of a process that SIGTERM ended.

    Processes that Lightning has started end with 0: it would kill the others for any other status.
    """
    return 128 + signal.SIGTERM if os.environ.get("LOCAL_RANK", "0") == "0" else 0
