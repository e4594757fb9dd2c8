"""How fast training goes, and how much of its time it waits for data."""

from __future__ import annotations

import time
from typing import Any

from lightning import Callback, LightningModule, Trainer

from arseg_lightning.accelerator import Event, event, memory_bytes
from arseg_lightning.types import ClipBatch

__all__ = ["StepClock", "Throughput"]


class StepClock:
    """Adds up samples, time, and the part of it before each batch was there.

    Args:
        now: When the clock starts, in seconds.
    """

    def __init__(self, now: float) -> None:
        self._start = self._idle_since = self._end = now
        self._waited = 0.0
        self._samples = 0

    def batch_arrives(self, now: float, was_busy: bool = False) -> None:
        """A batch is there; the wait for it counts unless the device still computes."""
        if not was_busy:
            self._waited += now - self._idle_since

    def step_ends(self, now: float, samples: int) -> None:
        """The step has used its samples."""
        self._idle_since = self._end = now
        self._samples += samples

    @property
    def samples_per_second(self) -> float:
        """Samples of all steps so far over the time since the start."""
        return self._samples / max(self._end - self._start, 1e-9)

    @property
    def wait_share(self) -> float:
        """Share of that time in which a batch was waited for, in [0, 1]."""
        return min(1.0, self._waited / max(self._end - self._start, 1e-9))


class Throughput(Callback):
    """Logs ``train/samples_per_second`` and ``train/data_wait_share`` of each epoch, live in a bar.

    The samples are those of all processes, the wait is the first process's. It holds loading,
    copying to the device, and in the first epoch the start of the loader's workers; validation
    and checkpoints are left out. On a GPU, a batch that arrives while the last step is still
    computed was not waited for. There, ``train/gpu_memory_gib`` is the most that was allocated.

    Units:
        samples a second; a share in [0, 1]; GiB.
    """

    def __init__(self) -> None:
        self._clock = StepClock(0.0)
        self._computed: Event | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start anew."""
        self._computed = None
        self._clock = StepClock(time.monotonic())

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note how long the batch was waited for."""
        busy = self._computed is not None and not self._computed.query()
        self._clock.batch_arrives(time.monotonic(), busy)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Show the epoch's values so far."""
        self._computed = event(pl_module.device)
        size = batch.images.shape[0] if isinstance(batch, ClipBatch) else 0
        self._clock.step_ends(time.monotonic(), size * trainer.world_size)
        for name, value in self._values(pl_module).items():
            pl_module.log(name, value, prog_bar=True, logger=False, rank_zero_only=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch's values."""
        for name, value in self._values(pl_module).items():
            pl_module.log(name, value, rank_zero_only=True)

    def _values(self, module: LightningModule) -> dict[str, float]:
        values = {
            "train/samples_per_second": self._clock.samples_per_second,
            "train/data_wait_share": self._clock.wait_share,
        }
        allocated = memory_bytes(module.device)
        if allocated is not None:
            values["train/gpu_memory_gib"] = allocated / 2**30
        return values
