"""Trains with compiled networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn

from arseg_lightning.models.segmentor import Segmentor

__all__ = ["CompiledNetworks"]

CompileMode = Literal["default", "max-autotune-no-cudagraphs"]


class CompiledNetworks(Callback):
    """Runs the networks through ``torch.compile`` in training steps.

    The networks stay what they are: checkpoints have the same keys, and evaluation, which meets
    other sizes, runs as it does without. The first steps take minutes.

    Args:
        mode: The mode of ``torch.compile``; None compiles nothing. Those with CUDA graphs are left
            out: a step runs one network more than once, and would write over its first output.
        backend: The backend of ``torch.compile``.
    """

    def __init__(self, mode: CompileMode | None = None, backend: str = "inductor") -> None:
        self.mode = mode
        self.backend = backend
        self._compiled: list[tuple[nn.Module, str, Callable[..., Any]]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compile; the work is done when each part runs first."""
        if self.mode is None:
            return
        self._compiled = [
            (network, name, torch.compile(getattr(network, name), **self._options()))
            for network in pl_module.modules()
            if isinstance(network, Segmentor)
            for name in _entrances(network)
        ]

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Let the networks' objects have compiled methods, in front of their classes' own."""
        for network, name, compiled in self._compiled:
            setattr(network, name, compiled)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Let them have their own again."""
        self._restore()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the networks as they were."""
        self._restore()

    def _restore(self) -> None:
        for network, name, _ in self._compiled:
            network.__dict__.pop(name, None)

    def _options(self) -> dict[str, Any]:
        """One graph a size: crops have one. Other backends than the usual one know no modes."""
        mode = {"mode": self.mode} if self.backend == "inductor" else {}
        return {"backend": self.backend, "dynamic": False, **mode}


def _entrances(network: Segmentor) -> list[str]:
    """The methods by which a network is run; the base class's own only lead to others."""
    names = ("features_and_side", "before_cut", "after_cut")
    return [name for name in names if getattr(type(network), name) is not getattr(Segmentor, name)]
