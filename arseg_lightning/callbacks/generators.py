"""Keeps the states of the random generators with a checkpoint."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

__all__ = ["GeneratorStates"]


class GeneratorStates(Callback):
    """Lets a training that goes on draw what it would have drawn without the interruption.

    The generators are Python's, NumPy's and PyTorch's. Of several processes, the first one's are
    kept, and all go on from them: they also start from one seed.
    """

    def __init__(self) -> None:
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The states, in types that load without running code."""
        name, keys, *rest = np.random.get_state()
        states: dict[str, Any] = {
            "python": random.getstate(),
            "numpy": (str(name), np.asarray(keys).tolist(), *rest),
            "torch": torch.get_rng_state(),
        }
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            states["cuda"] = torch.cuda.get_rng_state()
        return states

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the states; what is set up until the training starts may draw as well."""
        self._restored = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the generators to what they were."""
        states, self._restored = self._restored, None
        if states is None:
            return
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])
        torch.set_rng_state(states["torch"].cpu())
        if "cuda" in states and pl_module.device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"].cpu())
