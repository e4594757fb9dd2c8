"""Callback of every task: trains with what Lightning's finders have found."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from lightning.pytorch.utilities import rank_zero_info

from arseg_lightning.datasets.trainer_state import resumes

__all__ = ["FoundSettings"]


class FoundSettings(Callback):
    """Builds optimiser and schedule anew with the rate and batch size of a search.

    Differs: Lightning sets the rate of the first step; a schedule that sets it at every step goes
    on with the rate before the search, over the steps of the batch size before it.
    """

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse to search in the middle of a run."""
        finders = _finders(trainer)
        if finders and resumes(trainer):
            raise ValueError(
                f"{type(finders[0]).__name__} searches before the first step, and this run goes "
                f"on: leave it out, configure what it has found "
                f"(run.log; model.optimizer, data.batch_size), and give a new --run_dir with "
                f"--ckpt_path {trainer.ckpt_path}"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what was found; finders come before all other callbacks."""
        finders = _finders(trainer)
        if not finders or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        trainer.strategy.setup_optimizers(trainer)
        for finder in finders:
            found = "no learning rate: too few steps within trainer.max_epochs"
            if isinstance(finder, BatchSizeFinder):
                found = f"data.batch_size {finder.optimal_batch_size}"
            elif finder.optimal_lr is not None and (rate := finder.optimal_lr.suggestion()):
                found = f"learning rate {rate:.3g}"
            rank_zero_info(f"{type(finder).__name__} found {found}")


def _finders(trainer: Trainer) -> list[Any]:
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    return [each for each in callbacks if isinstance(each, BatchSizeFinder | LearningRateFinder)]
