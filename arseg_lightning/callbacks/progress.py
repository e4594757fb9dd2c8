"""Progress of a training: a line with score and speed after every epoch."""

from __future__ import annotations

import time
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from arseg_lightning.types import ClipBatch

__all__ = ["Throughput"]


class Throughput(Callback):
    """Logs how fast an epoch trains and how long it waits for data, and prints its line.

    The samples are those of all processes, the wait is the first process's. It holds loading,
    copying to the device, and in the first epoch the start of the loader's workers; validation
    and checkpoints are left out. On a GPU, a batch that arrives while the last step is still
    computed was not waited for.

    Differs: Lightning's ThroughputMonitor measures a window of steps, for loggers only, and not
    how long data are waited for.

    Args:
        printed: Whether the line is printed, for where there is no bar.

    Units:
        samples a second; a share in [0, 1].
    """

    def __init__(self, printed: bool = True) -> None:
        self.printed = printed

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._run_started, self._first_epoch = time.monotonic(), trainer.current_epoch

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start = self._step_ended = time.monotonic()
        self._computed: torch.Event | None = None  # passed when the GPU has computed the last step
        self._waited, self._samples = 0.0, 0

    def on_train_batch_start(self, *_: Any) -> None:
        if self._computed is None or self._computed.query():
            self._waited += time.monotonic() - self._step_ended

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if pl_module.device.type != "cpu":
            self._computed = torch.Event(pl_module.device)
            self._computed.record()
        self._step_ended = time.monotonic()
        if isinstance(batch, ClipBatch):
            self._samples += len(batch.images) * trainer.world_size
        self._log(pl_module, prog_bar=True, logger=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._log(pl_module)
        if trainer.is_global_zero and self.printed:
            print(self._line(trainer), flush=True)

    def _log(self, module: LightningModule, **where: Any) -> None:
        seconds = max(self._step_ended - self._start, 1e-9)
        values = {
            "train/samples_per_second": self._samples / seconds,
            "train/data_wait_share": min(1.0, self._waited / seconds),
        }
        for name, value in values.items():
            module.log(name, value, rank_zero_only=True, **where)

    def _line(self, trainer: Trainer) -> str:
        """The epoch's number, loss and score, the time so far, the time left and the speed."""
        known, epoch = trainer.callback_metrics, trainer.current_epoch + 1
        seconds = time.monotonic() - self._run_started
        last = trainer.max_epochs or -1  # Lightning's word for no end
        parts = [f"epoch {epoch}/{last}" if last > 0 else f"epoch {epoch}"]
        scores = ("train/loss", "val/miou")
        parts += [f"{name} {float(known[name]):.3f}" for name in scores if name in known]
        parts.append(f"{seconds:.0f} s")
        if last > 0:
            left = seconds / (epoch - self._first_epoch) * (last - epoch)
            parts.append(f"{left:.0f} s left")
        if "train/samples_per_second" in known:
            parts.append(f"{known['train/samples_per_second']:.3g} samples/s")
            parts.append(f"{known['train/data_wait_share']:.0%} waiting for data")
        return ", ".join(parts)
