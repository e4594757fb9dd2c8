"""Progress of a run: its cost at the start, a line with score and speed after every epoch."""

from __future__ import annotations

import logging
import time
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.tasks import VideoTask
from arseg_lightning.types import ClipBatch

__all__ = ["CostLine", "Throughput", "cost_line"]

_log = logging.getLogger(__name__)


class CostLine(Callback):
    """Prints multiply-accumulates per frame, and what is saved against 1.0x.

    Counting runs no numbers. If it is not possible, the run continues with a warning.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._print(trainer, pl_module, "val", "train")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._print(trainer, pl_module, "test")

    def _print(self, trainer: Trainer, task: LightningModule, *splits: str) -> None:
        data = getattr(trainer, "datamodule", None)
        if not isinstance(task, VideoTask) or not isinstance(data, ClipDataModule):
            return
        split = next((split for split in splits if data.layouts[split] is not None), None)
        if split is None or not trainer.is_global_zero:
            return
        try:
            print(cost_line(task, data.example_size(split)), flush=True)
        except Exception as error:  # whatever a custom method raises: a figure ends no run
            _log.warning("the cost per frame is not known: %r", error)


def cost_line(task: VideoTask, size: tuple[int, int]) -> str:
    """One line with the mean cost of each of a task's methods, for frames of a size (H, W)."""
    costs = {name: method_cost(method, size) for name, method in task.methods().items()}
    full = costs["1x"].mean_gmacs if "1x" in costs else 0.0
    parts = []
    for name, cost in costs.items():
        part, share = f"{name} {cost.mean_gmacs:.3g}", cost.mean_gmacs / full if full else 1.0
        if share != 1:
            part += f" ({abs(1 - share):.0%} {'less' if share < 1 else 'more'})"
        parts.append(part if cost.repeats else f"{part} (depends on what frames show)")
    return f"GMACs/frame at {size[1]}x{size[0]}, L = {task.keyframe_interval}: {', '.join(parts)}"


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
