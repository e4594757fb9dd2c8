"""The two checkpoints of a run, beside any of the user's."""

from __future__ import annotations

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, StochasticWeightAveraging

__all__ = ["RunCheckpoint"]


class RunCheckpoint(ModelCheckpoint):
    """ModelCheckpoint with a state of its own, and averaged weights where weights are averaged.

    Differs: Lightning tells callbacks of a class apart by what they monitor and when, and refuses a
    second one of the same; here the file name counts too. StochasticWeightAveraging gives its
    average to the network in one more epoch at the end, and that epoch is then the best one:
    the weights before it are not what was asked for.
    """

    @property
    def state_key(self) -> str:
        """Name of the state in a checkpoint."""
        return f"{super().state_key} of {self.filename}.ckpt"

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take the state from a checkpoint that was written by Lightning's class."""
        states = checkpoint.get("callbacks", {})
        if self.state_key not in states and super().state_key in states:
            states[self.state_key] = states[super().state_key]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the epoch if it is the best one, or the first with averaged weights."""
        if self.monitor and not trainer.sanity_checking and _has_just_averaged(trainer):
            self.best_k_models, self.best_model_score, self.kth_best_model_path = {}, None, ""
        super().on_validation_end(trainer, pl_module)


def _has_just_averaged(trainer: Trainer) -> bool:
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    averaging = [each for each in callbacks if isinstance(each, StochasticWeightAveraging)]
    return any(trainer.current_epoch == each.swa_end + 1 for each in averaging)
