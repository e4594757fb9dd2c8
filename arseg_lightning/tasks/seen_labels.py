"""Counts what training labels show, so that training on nothing is no success."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from arseg_lightning.distributed import is_distributed

__all__ = ["SeenLabels"]


class SeenLabels:
    """Pixels of each class in the batches of an epoch, and batches without any that counts.

    Args:
        num_classes: Number of classes; other values are left out.
        device: Where labels are.
    """

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self._pixels = torch.zeros(num_classes, dtype=torch.int64, device=device)
        self._batches = torch.zeros(2, dtype=torch.int64, device=device)  # all, without a pixel

    def add(self, labels: Tensor) -> None:
        """Count a batch; nobody waits for the device."""
        number = len(self._pixels)
        # What is left out falls into a bin of its own: to pick it out would wait for its size.
        bins = torch.where((labels < 0) | (labels > number), number, labels)
        counts = torch.bincount(bins.flatten(), minlength=number + 1)[:number]
        self._pixels += counts
        self._batches += torch.stack([torch.ones_like(counts[0]), (counts.sum() == 0).long()])

    def judge(self, trainer: Trainer, names: Sequence[str]) -> None:
        """Say what is missing; every process has to call this.

        Args:
            trainer: Adds up over processes.
            names: Names of the classes.

        Raises:
            ValueError: If no batch had a pixel that counts.
        """
        pixels, batches = self._pixels, self._batches
        if is_distributed():
            pixels = trainer.strategy.reduce(pixels, reduce_op="sum")
            batches = trainer.strategy.reduce(batches, reduce_op="sum")
        total, empty = batches.tolist()
        if total and empty == total:
            raise ValueError(
                f"no pixel of the training labels counts: all {total} batches show nothing but "
                f"values that are left out, and nothing was learned; `check-data` on the folder "
                f"shows which values its label files hold"
            )
        if empty:
            rank_zero_warn(
                f"{empty} of {total} training batches had no pixel that counts, and taught nothing"
            )
        missing = [name for name, n in zip(names, pixels.tolist(), strict=True) if n == 0]
        if missing:
            rank_zero_warn(
                f"no training label showed a pixel of {', '.join(missing)} in this first epoch; "
                f"`check-data --all` counts all labels"
            )
