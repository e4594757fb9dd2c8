"""Progress for those who do not watch, or look later: one line an epoch."""

from __future__ import annotations

import logging
import time

from lightning import Callback, LightningModule, Trainer

from arseg_lightning.callbacks.run_log import tell

__all__ = ["EpochLines"]

_log = logging.getLogger(__name__)


class EpochLines(Callback):
    """Logs the loss, the time, the remaining time and the speed after every epoch.

    Args:
        printed: Whether the line is also printed, for where there is no bar.
    """

    def __init__(self, printed: bool = True) -> None:
        self.printed = printed
        self.start = 0.0
        self.first_epoch = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.start = time.monotonic()
        self.first_epoch = trainer.current_epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the line."""
        done = trainer.current_epoch + 1 - self.first_epoch
        seconds = time.monotonic() - self.start
        last = trainer.max_epochs if trainer.max_epochs is not None else -1
        parts = [f"epoch {trainer.current_epoch + 1}" + (f"/{last}" if last > 0 else "")]
        for name in ("train/loss", "val/miou"):
            value = trainer.callback_metrics.get(name)
            parts += [f"{name} {float(value):.3f}"] if value is not None else []
        parts.append(f"{seconds:.0f} s")
        if last > 0:
            left = seconds / done * (last - trainer.current_epoch - 1)
            parts.append(f"{left:.0f} s left")
        if trainer.is_global_zero:
            say = tell if self.printed else _log.info
            say(", ".join([*parts, *_speed(trainer)]))


def _speed(trainer: Trainer) -> list[str]:
    """What Throughput has measured, if it is there."""
    names = ("train/samples_per_second", "train/data_wait_share", "train/gpu_memory_gib")
    texts = ("{:.3g} samples/s", "{:.0%} waiting for data", "{:.1f} GiB")
    known = trainer.callback_metrics
    return [t.format(float(known[n])) for n, t in zip(names, texts, strict=True) if n in known]
