"""Checks of a training, a callback of every task: divergence, and labels without a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning import Callback, Trainer
from torch import Tensor

from arseg_lightning.types import ClipBatch

__all__ = ["NotFinite", "TrainingChecks", "refuse_broken_weights"]

_LEAST_SCALE = 2.0**-9  # of a gradient scaler, after skipping 25 steps from its first value

_REMEDY = (
    "The checkpoints before it are kept. Try a smaller learning rate (model.optimizer.lr), "
    "model.warmup_steps, trainer.gradient_clip_val 1, or, if precision was lowered, "
    "trainer.precision 32-true"
)


class NotFinite(ValueError):
    """A training that has diverged."""


class TrainingChecks(Callback):
    """Ends a training whose losses are not finite, or whose labels show no class.

    A step is checked after the next one, so that the host does not wait for a GPU; broken
    weights are not saved meanwhile (:func:`refuse_broken_weights`).
    """

    def __init__(self) -> None:
        self._step: tuple[int, Mapping[str, Tensor]] | None = None  # not checked yet
        self._labelled: Any = None  # whether any pixel of the epoch is of a class

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Forget what was before."""
        self._step, self._labelled = None, None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End the training if the losses before these are not finite.

        Raises:
            NotFinite: If one is not.
        """
        for clips in [batch] if isinstance(batch, ClipBatch) else batch:
            has_label = (clips.labels < pl_module.num_classes).any()
            self._labelled = has_label if self._labelled is None else self._labelled | has_label
        self._check(trainer)
        self._step = trainer.global_step, pl_module.step_losses

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Check the last step, and that there was something to learn.

        Raises:
            NotFinite: If a loss is not finite, or a gradient scaler has skipped step after step.
            ValueError: If no pixel of the epoch's labels is of a class, in any process.
        """
        self._check(trainer)
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None and scaler.get_scale() < _LEAST_SCALE:
            raise NotFinite(f"no gradient is finite, and steps are skipped. {_REMEDY}")
        # None: there were no batches
        labelled = self._labelled is None or bool(self._labelled)
        if not trainer.strategy.reduce_boolean_decision(labelled, all=False):
            raise ValueError(
                "no pixel of the training labels counts, and nothing was learned; use the "
                "class set of these labels, which says what the values in their files mean"
            )

    def _check(self, trainer: Trainer) -> None:
        step, self._step = self._step, None
        if step is None or all(loss.isfinite() for loss in step[1].values()):
            return
        shown = ", ".join(f"{name} = {float(loss):.4g}" for name, loss in step[1].items())
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        raise NotFinite(
            f"the loss is not finite after step {step[0]}, epoch {trainer.current_epoch + 1}: "
            f"{shown}; learning rate {rate:.4g}. {_REMEDY}"
        )


def refuse_broken_weights(weights: Mapping[str, Tensor], step: int) -> None:
    """Raise NotFinite before an unusable checkpoint is written."""
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise NotFinite(f"{name} is not finite after step {step}. {_REMEDY}")
