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

_ENTRY_POINTS = ("features_and_side", "before_cut", "after_cut")
"""Methods by which a network is run; the base class's own only lead to others."""


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
        # One graph a size: crops have one. Other backends than the usual one know no modes.
        options: dict[str, Any] = {"backend": self.backend, "dynamic": False}
        if self.backend == "inductor":
            options["mode"] = self.mode
        self._compiled = [
            (network, name, torch.compile(getattr(network, name), **options))
            for network in pl_module.modules()
            if isinstance(network, Segmentor)
            for name in _ENTRY_POINTS
            if getattr(type(network), name) is not getattr(Segmentor, name)
        ]

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Let the networks' objects have compiled methods, in front of their classes' own."""
        for network, name, compiled in self._compiled:
            setattr(network, name, compiled)

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Let them have their own again."""
        for network, name, _compiled in self._compiled:
            network.__dict__.pop(name, None)

    on_exception = on_train_batch_end
