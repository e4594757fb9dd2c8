"""What a run says of itself: cost at the start, speed while it trains, one line an epoch."""

from __future__ import annotations

import logging
import time
from typing import Any

from lightning import Callback, LightningModule, Trainer

from arseg_lightning.accelerator import Event, event, memory_bytes
from arseg_lightning.callbacks.run_log import tell
from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.tasks import VideoTask
from arseg_lightning.types import ClipBatch

__all__ = ["CostLine", "EpochLines", "StepClock", "Throughput", "cost_line"]

_log = logging.getLogger(__name__)


class CostLine(Callback):
    """Prints multiply-accumulates per frame, and what is saved against 1.0x.

    Counting runs no numbers. If it is not possible, the run continues with a warning.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the cost at the size of the data that are prepared."""
        self._say(trainer, pl_module, ("val", "train"))

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the cost at the test data's size."""
        self._say(trainer, pl_module, ("test",))

    def _say(self, trainer: Trainer, task: LightningModule, splits: tuple[str, ...]) -> None:
        data = getattr(trainer, "datamodule", None)
        if not isinstance(task, VideoTask) or not isinstance(data, ClipDataModule):
            return
        split = next((split for split in splits if data.layouts[split] is not None), None)
        if split is None or not trainer.is_global_zero:
            return
        try:
            tell(cost_line(task, data.example_size(split)))
        except Exception as error:  # whatever a custom method does: a figure ends no run
            _log.warning("the cost per frame is not known: %r", error)


def cost_line(task: VideoTask, size: tuple[int, int]) -> str:
    """One line with the mean cost of each of a task's methods.

    Args:
        task: The task.
        size: Height and width of the video.
    """
    costs = {name: method_cost(method, size) for name, method in task.methods().items()}
    full = costs["1x"].mean_gmacs if "1x" in costs else 0.0
    parts = []
    for name, cost in costs.items():
        part, share = f"{name} {cost.mean_gmacs:.3g}", cost.mean_gmacs / full if full else 1.0
        if share != 1:
            part += f" ({abs(1 - share):.0%} {'less' if share < 1 else 'more'})"
        parts.append(part if cost.repeats else f"{part} (depends on what frames show)")
    return f"GMACs/frame at {size[1]}x{size[0]}, L = {task.keyframe_interval}: {', '.join(parts)}"


class StepClock:
    """Adds up samples, time, and the part of it before each batch was there.

    Args:
        now: When the clock starts, in seconds.
    """

    def __init__(self, now: float) -> None:
        self._start = self._idle_since = now
        self._waited = 0.0
        self._samples = 0

    def batch_arrives(self, now: float, was_busy: bool = False) -> None:
        """A batch is there; the wait for it counts unless the device still computes."""
        if not was_busy:
            self._waited += now - self._idle_since

    def step_ends(self, now: float, samples: int) -> None:
        """The step has used its samples."""
        self._idle_since = now
        self._samples += samples

    @property
    def samples_per_second(self) -> float:
        """Samples of all steps so far over the time since the start."""
        return self._samples / max(self._idle_since - self._start, 1e-9)

    @property
    def wait_share(self) -> float:
        """Share of that time in which a batch was waited for, in [0, 1]."""
        return min(1.0, self._waited / max(self._idle_since - self._start, 1e-9))


class Throughput(Callback):
    """Logs ``train/samples_per_second`` and ``train/data_wait_share`` of each epoch, live in a bar.

    The samples are those of all processes, the wait is the first process's. It holds loading,
    copying to the device, and in the first epoch the start of the loader's workers; validation
    and checkpoints are left out. On a GPU, a batch that arrives while the last step is still
    computed was not waited for. There, ``train/gpu_memory_gib`` is the most that was allocated.

    Differs: Lightning's ThroughputMonitor measures a window of steps, for loggers only, and not
    how long data are waited for.

    Units:
        samples a second; a share in [0, 1]; GiB.
    """

    def __init__(self) -> None:
        self._clock = StepClock(0.0)
        self._computed: Event | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start again."""
        self._computed = None
        self._clock = StepClock(time.monotonic())

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note how long the batch was waited for."""
        busy = self._computed is not None and not self._computed.query()
        self._clock.batch_arrives(time.monotonic(), busy)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show the epoch's values so far."""
        self._computed = event(pl_module.device)
        size = batch.images.shape[0] if isinstance(batch, ClipBatch) else 0
        self._clock.step_ends(time.monotonic(), size * trainer.world_size)
        self._log(pl_module, prog_bar=True, logger=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch's values."""
        self._log(pl_module)

    def _log(self, module: LightningModule, **where: Any) -> None:
        values = {
            "train/samples_per_second": self._clock.samples_per_second,
            "train/data_wait_share": self._clock.wait_share,
        }
        if (allocated := memory_bytes(module.device)) is not None:
            values["train/gpu_memory_gib"] = allocated / 2**30
        for name, value in values.items():
            module.log(name, value, rank_zero_only=True, **where)


_SHOWN = {
    "train/samples_per_second": "{:.3g} samples/s",
    "train/data_wait_share": "{:.0%} waiting for data",
    "train/gpu_memory_gib": "{:.1f} GiB",
}
"""What Throughput measures, if it is there."""


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
        if not trainer.is_global_zero:
            return
        known, epoch = trainer.callback_metrics, trainer.current_epoch + 1
        seconds = time.monotonic() - self.start
        last = trainer.max_epochs if trainer.max_epochs is not None else -1
        parts = [f"epoch {epoch}" + (f"/{last}" if last > 0 else "")]
        metrics = ("train/loss", "val/miou")
        parts += [f"{name} {float(known[name]):.3f}" for name in metrics if name in known]
        parts.append(f"{seconds:.0f} s")
        if last > 0:
            parts.append(f"{seconds / (epoch - self.first_epoch) * (last - epoch):.0f} s left")
        parts += [text.format(float(known[name])) for name, text in _SHOWN.items() if name in known]
        say = tell if self.printed else _log.info
        say(", ".join(parts))
