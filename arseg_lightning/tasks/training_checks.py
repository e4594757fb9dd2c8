"""Checks of a training, a callback of every task: divergence, and labels without a pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from arseg_lightning.distributed import is_distributed
from arseg_lightning.types import ClipBatch

__all__ = ["NotFinite", "TrainingChecks", "count_pixels", "refuse_broken_weights"]

_MOST_SKIPPED = 25
"""Skipped steps in a row: the gradient scaler's first value is worn down to 1 in 16."""

_REMEDY = (
    "Try a smaller learning rate (model.optimizer.lr), model.warmup_steps, "
    "trainer.gradient_clip_val 1, or, if precision was lowered, trainer.precision 32-true"
)


class NotFinite(ValueError):
    """A training that has diverged."""


class TrainingChecks(Callback):
    """Checks the losses and the largest gradient of every step, and the first epoch's labels.

    On a GPU, a step is checked after the next one, so that the host does not wait for the device;
    broken weights are not saved meanwhile (:func:`refuse_broken_weights`).
    """

    def __init__(self) -> None:
        self._put_off: Callable[[], None] | None = None
        self._skipped = 0
        self._skipped_in_a_row = 0
        self._pixels: Any = None  # of each class, (K,); None after the first epoch
        self._batches: Any = None  # all, and those without a pixel that counts, (2,)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Begin to count, and forget a training before this one."""
        self._put_off = None
        self._skipped = self._skipped_in_a_row = 0
        self._pixels, self._batches = (
            torch.zeros(size, dtype=torch.int64, device=pl_module.device)
            for size in (pl_module.num_classes, 2)
        )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the labels, without waiting for the device."""
        if self._pixels is not None:
            clips = batch if isinstance(batch, ClipBatch) else batch[0]
            counts = count_pixels(clips.labels, len(self._pixels))
            self._pixels += counts
            self._batches += torch.stack([torch.ones_like(counts[0]), (counts.sum() == 0).long()])

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: Any, optimizer: Optimizer
    ) -> None:
        """End the training before a step that breaks the weights."""
        groups = optimizer.param_groups
        gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        if not gradients:
            return
        largest = get_total_norm(gradients, norm_type=float("inf"))
        # Of several batches that make a step, the losses are those of the last one.
        facts = trainer.global_step, pl_module.step_losses, largest, float(groups[0]["lr"])
        refuse = partial(_refuse_broken_step, trainer, *facts)
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            # The scaler leaves such a step out and tries another scale; that helps, or never will.
            is_skipped = not largest.isfinite()
            self._skipped += is_skipped
            self._skipped_in_a_row = self._skipped_in_a_row + 1 if is_skipped else 0
            if self._skipped_in_a_row > _MOST_SKIPPED:
                refuse(f", and {_MOST_SKIPPED} steps in a row were skipped")
        elif largest.device.type == "cpu":
            refuse()
        else:
            self._check_put_off()
            self._put_off = refuse

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Check the last step, and report skipped steps and missing labels."""
        self._check_put_off()
        if self._skipped:
            rank_zero_info(
                f"{self._skipped} steps were skipped in this epoch: their gradients do not fit "
                f"16-mixed (a few at the start are usual, while its scale is found)"
            )
            self._skipped = 0
        if self._pixels is not None:
            classes = getattr(getattr(trainer, "datamodule", None), "classes", None)
            numbers = [f"class {index}" for index in range(len(self._pixels))]
            _judge_labels(trainer, self._pixels, self._batches, getattr(classes, "names", numbers))
            self._pixels = None

    def _check_put_off(self) -> None:
        refuse, self._put_off = self._put_off, None
        if refuse is not None:
            refuse()


def count_pixels(labels: Tensor, num_classes: int) -> Tensor:
    """Count the pixels of each class, (K,); other values are left out."""
    # Other values fall into an extra bin: to pick them out would wait for their number.
    bins = torch.where((labels < 0) | (labels > num_classes), num_classes, labels)
    return torch.bincount(bins.flatten(), minlength=num_classes + 1)[:num_classes]


def refuse_broken_weights(weights: Mapping[str, Tensor], step: int) -> None:
    """Raise NotFinite before an unusable checkpoint is written."""
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise NotFinite(
                f"{name} is not finite after step {step}, and no checkpoint is written; the last "
                f"one is as it was. {_REMEDY}"
            )


def _refuse_broken_step(
    trainer: Trainer,
    step: int,
    losses: Mapping[str, Tensor],
    largest: Tensor,
    rate: float,
    more: str = "",
) -> None:
    """Raise if the losses or the gradients of a step would break the weights."""
    broken = {name: loss for name, loss in losses.items() if not loss.isfinite()}
    # Gradients are those of all processes; a loss is only this one's, and all must end together.
    if largest.isfinite() and not (broken and trainer.world_size == 1):
        return
    shown = ", ".join(f"{name} = {float(loss):.4g}" for name, loss in losses.items())
    what = f"the loss is not finite ({', '.join(broken)})" if broken else "a gradient is not finite"
    raise NotFinite(
        f"{what} at step {step}, epoch {trainer.current_epoch + 1}{more}: {shown}; largest "
        f"gradient {float(largest):.4g}, learning rate {rate:.4g}. The checkpoints before it are "
        f"kept. {_REMEDY}"
    )


def _judge_labels(trainer: Trainer, pixels: Tensor, batches: Tensor, names: list[str]) -> None:
    """Report classes and batches without a labelled pixel in any process."""
    if is_distributed():
        pixels = trainer.strategy.reduce(pixels, reduce_op="sum")
        batches = trainer.strategy.reduce(batches, reduce_op="sum")
    total, empty = batches.tolist()
    if total and empty == total:
        raise ValueError(
            f"no pixel of the training labels counts: all {total} batches show nothing but "
            f"values that are left out, and nothing was learned; `check-data` on the folder "
            f"shows which values its label files hold"
        )
    if empty:
        rank_zero_warn(
            f"{empty} of {total} training batches had no pixel that counts, and taught nothing"
        )
    missing = [name for name, n in zip(names, pixels.tolist(), strict=True) if n == 0]
    if missing:
        rank_zero_warn(
            f"no training label showed a pixel of {', '.join(missing)} in this first epoch; "
            f"`check-data --all` counts all labels"
        )
