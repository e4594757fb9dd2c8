"""Checkpoints of a run: which are kept, what they hold and how they are written."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import distributed

from arseg_lightning.distributed import is_distributed
from arseg_lightning.files import remove_abandoned_parts, write_atomic

__all__ = ["GeneratorStates", "RunCheckpoint", "WholeCheckpoints"]


class RunCheckpoint(ModelCheckpoint):
    """ModelCheckpoint that is told apart by its file name.

    Differs: Lightning tells callbacks of one class apart by what they monitor and when only.
    """

    @property
    def state_key(self) -> str:
        """Name of the state in a checkpoint."""
        return f"{super().state_key} of {self.filename}.ckpt"


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint under another name and renames it when it is on the disk.

    A process that is killed while it writes, a machine that stops and a disk that is full leave
    the previous checkpoint as it was.

    Differs: Lightning writes to the system's temporary folder and moves the file; from another
    file system that is a copy, and a copy can end halfway. Checkpoints of a job that SLURM
    requeues (``hpc_ckpt_*``) are not written: Lightning would prefer them to any other, also in a
    run that replaces this one. A requeued run resumes after its last finished epoch.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            OSError: If it cannot be written; it says what is kept and how to resume.
        """
        if Path(path).name.startswith("hpc_ckpt_"):
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
                f"{kept}. Make room, or repair the folder, then start the same command again: it "
                f"resumes from the last checkpoint",
            ) from error


class GeneratorStates(Callback):
    """Keeps the random generators' states, so that a resumed training draws the same numbers.

    The generators are Python's, NumPy's and PyTorch's, of every process. Each process draws its
    own numbers: otherwise a network's random layers would drop the same of all shares of a batch.
    A checkpoint of another number of processes gives the first one's states to all, which are
    then seeded apart as at the start.
    """

    def __init__(self) -> None:
        self._restored: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        own = _generator_states()
        processes: list[Any] = [own]
        if is_distributed():
            processes *= distributed.get_world_size()
            distributed.all_gather_object(processes, own)
        return {"processes": processes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Not set yet: what is built until the training starts may draw as well.
        self._restored = state_dict["processes"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        rank, restored, self._restored = trainer.global_rank, self._restored, []
        same_count = len(restored) == trainer.world_size
        if restored:
            states = restored[rank if same_count else 0]
            random.setstate(states["python"])
            np.random.set_state(states["numpy"])
            torch.set_rng_state(states["torch"].cpu())
            if "cuda" in states and pl_module.device.type == "cuda":
                torch.cuda.set_rng_state(states["cuda"].cpu())
            if "mps" in states and pl_module.device.type == "mps":
                torch.mps.set_rng_state(states["mps"].cpu())
        if rank > 0 and not same_count:
            seed = int(torch.randint(2**31, ())) + rank  # what all would draw, and the rank
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)


def _generator_states() -> dict[str, Any]:
    # A list instead of NumPy's array: torch.load(weights_only=True) refuses arrays.
    name, keys, *rest = np.random.get_state()
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (str(name), np.asarray(keys).tolist(), *rest),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states
