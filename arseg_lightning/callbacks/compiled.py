"""Training with compiled networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn

from arseg_lightning.models.segmentor import Segmentor

__all__ = ["CompiledNetworks"]


class CompiledNetworks(Callback):
    """Runs the networks through ``torch.compile`` in training steps.

    The networks stay what they are: checkpoints have the same keys, and evaluation, which meets
    other sizes, runs uncompiled. The first steps take minutes.

    Args:
        mode: Mode of ``torch.compile``; None compiles nothing. Those with CUDA graphs are left
            out: a step runs one network more than once, and would overwrite its first output.
        backend: Backend of ``torch.compile``.
    """

    def __init__(
        self,
        mode: Literal["default", "max-autotune-no-cudagraphs"] | None = None,
        backend: str = "inductor",
    ) -> None:
        self.mode = mode
        self.backend = backend
        self._compiled: list[tuple[nn.Module, str, Callable[..., Any]]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.mode is None:
            return
        # Not dynamic: crops have one size. Backends other than the default know no modes.
        options: dict[str, Any] = {"backend": self.backend, "dynamic": False}
        if self.backend == "inductor":
            options["mode"] = self.mode
        self._compiled = [
            (network, name, torch.compile(getattr(network, name), **options))
            for network in pl_module.modules()
            if isinstance(network, Segmentor)
            for name in ("features_and_side", "run")
            # ``run`` calls the other, but where the cut is earlier, it also runs both parts.
            if name == "features_and_side" or network.cut != "feature"
        ]

    def on_train_batch_start(self, *_: Any) -> None:
        # Attributes of the object hide the methods of its class until the step ends.
        for network, name, compiled in self._compiled:
            setattr(network, name, compiled)

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        for network, name, _compiled in self._compiled:
            network.__dict__.pop(name, None)

    on_exception = on_train_batch_end
