"""Progress of a training and the size of its steps: the order of its samples depends on both."""

from __future__ import annotations

from pathlib import Path

from lightning import Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning.pytorch.trainer.states import TrainerFn

__all__ = ["finished_epochs", "processes", "resumes", "samples_per_step"]

# How names of checkpoints begin that Lightning's finders write, and read at their end.
_OF_A_SEARCH = (".lr_find_", ".scale_batch_size_")


def finished_epochs(trainer: Trainer | None) -> int:
    """How many epochs are trained; ``current_epoch`` lags behind while a checkpoint is written."""
    if trainer is None:
        return 0
    return int(trainer.fit_loop.epoch_progress.state_dict()["current"]["processed"])


def resumes(trainer: Trainer) -> bool:
    """Whether a training continues from a checkpoint; one that a search has restored is none."""
    path = trainer.ckpt_path if trainer.state.fn == TrainerFn.FITTING else None
    return path is not None and not Path(path).name.startswith(_OF_A_SEARCH)


def processes(trainer: Trainer | None) -> tuple[int, int]:
    """Rank and number of processes."""
    return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)


def samples_per_step(trainer: Trainer | None, batch_size: int) -> int:
    """How many samples of all processes a step of the optimiser sees."""
    accumulated = trainer.accumulate_grad_batches if trainer is not None else 1
    for callback in getattr(trainer, "callbacks", []):
        if isinstance(callback, GradientAccumulationScheduler):  # the number of the first epoch
            accumulated = int(callback.get_accumulate_grad_batches(0))
            break
    return batch_size * processes(trainer)[1] * accumulated
