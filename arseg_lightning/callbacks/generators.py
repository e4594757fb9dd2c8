"""Keeps the states of the random generators with a checkpoint."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from torch import distributed

from arseg_lightning.distributed import is_distributed

__all__ = ["GeneratorStates"]


class GeneratorStates(Callback):
    """Lets a training that resumes draw what it would have drawn without the interruption.

    The generators are Python's, NumPy's and PyTorch's, of every process. Of several processes each
    draws its own numbers: a network's random parts would drop the same of all shares of a batch
    otherwise. A checkpoint of another number of processes gives the first one's states to all,
    which then part as at the start.
    """

    def __init__(self) -> None:
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The states of all processes, in types that load without running code."""
        states = [_states()]
        if is_distributed():
            states *= distributed.get_world_size()
            distributed.all_gather_object(states, _states())
        return {"processes": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the states; what is set up until the training starts may draw as well."""
        self._restored = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the generators to what they were, or let the processes part."""
        rank, count = trainer.global_rank, trainer.world_size
        restored, self._restored = self._restored, None
        if restored is not None:
            kept = restored.get("processes", [restored])  # older checkpoints: the first one's
            _restore(kept[rank if len(kept) == count else 0], pl_module.device)
        if rank > 0 and (restored is None or len(kept) != count):
            seed = int(torch.randint(2**31, ())) + rank  # what they would draw, and the rank
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)


def _states() -> dict[str, Any]:
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


def _restore(states: dict[str, Any], device: torch.device) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"].cpu())
    if "cuda" in states and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"].cpu())
    if "mps" in states and device.type == "mps":
        torch.mps.set_rng_state(states["mps"].cpu())
