"""Losses on validation data: their means over all clips of all processes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torchmetrics import MeanMetric

__all__ = ["LossMeans"]


class LossMeans:
    """Adds up a validation's losses.

    Differs: Lightning's own mean rounds the number of clips where processes have unequal shares.
    """

    def __init__(self) -> None:
        self._means: dict[str, MeanMetric] = {}

    def add(self, losses: Mapping[str, Tensor], num_clips: int) -> None:
        """Add the losses of a batch: means over its clips, by name."""
        total = torch.stack(list(losses.values())).sum()
        values = {"val/loss": total} | {f"val/loss_{name}": loss for name, loss in losses.items()}
        for name, value in values.items():
            if name not in self._means:
                self._means[name] = MeanMetric().to(value.device)
            self._means[name].update(value.detach(), num_clips)

    def values(self) -> dict[str, float]:
        """The means; every process has to call this."""
        return {name: float(mean.compute()) for name, mean in self._means.items()}
