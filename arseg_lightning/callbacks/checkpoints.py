"""The checkpoints of a run: which are kept, and how they are written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint, StochasticWeightAveraging

from arseg_lightning.files import remove_abandoned_parts, write_atomic

__all__ = ["RunCheckpoint", "WholeCheckpoints"]

_OF_REQUEUING = "hpc_ckpt_"


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
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        has_just_averaged = any(
            isinstance(each, StochasticWeightAveraging)
            and trainer.current_epoch == each.swa_end + 1
            for each in callbacks
        )
        # What was best before averaging is forgotten: the epoch with averaged weights takes over.
        if self.monitor and not trainer.sanity_checking and has_just_averaged:
            self.best_k_models, self.best_model_score, self.kth_best_model_path = {}, None, ""
        super().on_validation_end(trainer, pl_module)


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint under another name and renames it when it is on the disk.

    A process that is killed while it writes, a machine that stops and a disk that is full leave
    the previous checkpoint as it was.

    Differs: Lightning writes to the system's temporary folder and moves the file; from another
    file system that is a copy, and a copy can end halfway. When SLURM is about to requeue a job,
    Lightning also writes where in an epoch it is, and prefers that to everything else whenever no
    checkpoint is named: also in a run that replaces this one, and in the test after a fit. It is
    left out: a requeued run resumes after its last finished epoch, as any other.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any | None = None,
    ) -> None:
        """Write a checkpoint.

        Raises:
            OSError: If it cannot be written; it says what is kept and how to resume.
        """
        if Path(path).name.startswith(_OF_REQUEUING):
            return
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        # In memory first: on a full disk PyTorch's own writer says little, and may end the process.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        path = Path(path)
        remove_abandoned_parts(path)
        try:
            write_atomic(path, content.getbuffer())
        except OSError as error:
            kept = "; the one before it is still there" if path.is_file() else ""
            size = len(content.getbuffer()) / 1e6
            raise OSError(
                error.errno,
                f"checkpoint {path} cannot be written ({error.strerror}; it takes {size:.1f} MB)"
                f"{kept}. Make room, or mend the folder, then start the same command again: it "
                f"goes on from the last checkpoint",
            ) from error
