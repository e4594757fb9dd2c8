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
from arseg_lightning.files import write_atomic

__all__ = ["GeneratorStates", "RunCheckpoint", "WholeCheckpoints"]


class RunCheckpoint(ModelCheckpoint):
    """A ModelCheckpoint of a run's own, which one of the user's does not replace."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint under another name and renames it when it is on the disk.

    Differs: Lightning writes to the system's temporary folder and moves the file; from another
    file system that is a copy, and a copy can end halfway. Checkpoints of a job that SLURM
    requeues (``hpc_ckpt_*``) are not written: Lightning would prefer them to any other, also in a
    run that replaces this one. A requeued run resumes after its last finished epoch.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint; an error leaves the previous one as it was."""
        if Path(path).name.startswith("hpc_ckpt_"):
            return
        if "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        # In memory first: on a full disk PyTorch's own writer says little, and may end the process.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_atomic(Path(path), content.getbuffer())


class GeneratorStates(Callback):
    """Keeps the random generators' states, so that a resumed training draws the same numbers.

    Each process draws its own numbers: otherwise a network's random layers would drop the same of
    all shares of a batch. A checkpoint of another number of processes gives the first one's states
    to all, which are then seeded apart as at the start.
    """

    def __init__(self) -> None:
        self._restored: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        # A list instead of NumPy's array: torch.load(weights_only=True) refuses arrays.
        name, keys, *rest = np.random.get_state()
        own = {
            "python": random.getstate(),
            "numpy": (str(name), np.asarray(keys).tolist(), *rest),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,  # type: ignore[no-untyped-call]
        }
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
            if states["cuda"] is not None and pl_module.device.type == "cuda":
                torch.cuda.set_rng_state(states["cuda"].cpu())
        if rank > 0 and not same_count:
            seed = int(torch.randint(2**31, ())) + rank  # what all would draw, and the rank
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
