"""Checks of a training, a callback of every task: divergence, and labels without a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning import Callback, Trainer
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from arseg_lightning.types import ClipBatch

__all__ = ["NotFinite", "TrainingChecks", "refuse_broken_weights"]

_MOST_SKIPPED = 25
"""Skipped steps in a row: the gradient scaler's first value is worn down to 1 in 16."""

_REMEDY = (
    "Try a smaller learning rate (model.optimizer.lr), model.warmup_steps, "
    "trainer.gradient_clip_val 1, or, if precision was lowered, trainer.precision 32-true"
)


class NotFinite(ValueError):
    """A training that has diverged."""


class TrainingChecks(Callback):
    """Ends a training whose gradients are not finite, or whose labels show no class.

    A step is checked when the next one is made, so that the host does not wait for a GPU; broken
    weights are not saved meanwhile (:func:`refuse_broken_weights`).
    """

    def __init__(self) -> None:
        self._step: tuple[int, Mapping[str, Tensor], Tensor, float] | None = None  # not checked yet
        self._skipped_in_a_row = 0
        self._labelled: Any = None  # whether any pixel of the epoch is of a class

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Forget what was before."""
        self._step, self._skipped_in_a_row, self._labelled = None, 0, None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note whether there are labels, without waiting for the device."""
        for clips in [batch] if isinstance(batch, ClipBatch) else batch:
            has_label = (clips.labels < pl_module.num_classes).any()
            self._labelled = has_label if self._labelled is None else self._labelled | has_label

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: Any, optimizer: Optimizer
    ) -> None:
        """End the training after a step that broke the weights.

        Raises:
            NotFinite: If the step before this one had a gradient that is not finite.
        """
        groups = optimizer.param_groups
        gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        if not gradients:
            return
        largest = get_total_norm(gradients, norm_type=float("inf"))
        # Of several batches that make a step, the losses are those of the last one.
        step = trainer.global_step, pl_module.step_losses, largest, float(groups[0]["lr"])
        if getattr(trainer.precision_plugin, "scaler", None) is None:
            self._check(trainer)
            self._step = step
            return
        # The scaler leaves such a step out and tries another scale; that helps, or never will.
        self._skipped_in_a_row = 0 if largest.isfinite() else self._skipped_in_a_row + 1
        if self._skipped_in_a_row > _MOST_SKIPPED:
            self._step = step
            self._check(trainer, f", and {_MOST_SKIPPED} steps in a row were skipped")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Check the last step, and that there was something to learn.

        Raises:
            ValueError: If no pixel of the epoch's labels is of a class, in any process.
        """
        self._check(trainer)
        # None: there were no batches
        labelled = self._labelled is None or bool(self._labelled)
        if not trainer.strategy.reduce_boolean_decision(labelled, all=False):
            raise ValueError(
                "no pixel of the training labels counts, and nothing was learned; use the "
                "class set of these labels, which says what the values in their files mean"
            )

    def _check(self, trainer: Trainer, more: str = "") -> None:
        step, self._step = self._step, None
        # Gradients are those of all processes, which end together; a loss is this one's alone.
        if step is None or step[2].isfinite():
            return
        number, losses, largest, rate = step
        broken = ", ".join(name for name, loss in losses.items() if not loss.isfinite())
        what = f"the loss is not finite ({broken})" if broken else "a gradient is not finite"
        shown = ", ".join(f"{name} = {float(loss):.4g}" for name, loss in losses.items())
        raise NotFinite(
            f"{what} at step {number}, epoch {trainer.current_epoch + 1}{more}: {shown}; largest "
            f"gradient {float(largest):.4g}, learning rate {rate:.4g}. The checkpoints before it "
            f"are kept. {_REMEDY}"
        )


def refuse_broken_weights(weights: Mapping[str, Tensor], step: int) -> None:
    """Raise NotFinite before an unusable checkpoint is written."""
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise NotFinite(
                f"{name} is not finite after step {step}, and no checkpoint is written; the last "
                f"one is as it was. {_REMEDY}"
            )
