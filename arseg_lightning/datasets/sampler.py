"""Samplers that know the epoch and the process, and never repeat a sample in evaluation.

They are distributed samplers, so that Lightning leaves them as they are: by default it would share
the share of each process once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch.utils.data import DistributedSampler

__all__ = ["EpochSampler", "EvaluationSampler"]


class EpochSampler(DistributedSampler[Any]):
    """Shuffles a training set, shared among processes, and yields (epoch, index).

    The epoch travels with the index, so a sample's random draws depend on (seed, epoch, index)
    alone: neither on the number of workers nor on the number of processes.

    Args:
        size: Number of samples.
        seed: Decides the order.
        rank: This process.
        world_size: Number of processes; each gets the same number of samples, so that at the
            end of an epoch up to ``world_size - 1`` samples are left out.
    """

    def __init__(self, size: int, seed: int = 0, rank: int = 0, world_size: int = 1) -> None:
        super().__init__(range(size), world_size, rank, seed=seed, drop_last=True)  # type: ignore[arg-type]
        self.size = size
        self.world_size = world_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch (called by Lightning)."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.size)
        # All processes draw the same order, and each takes every world_size-th of it.
        share = order[self.rank :: self.world_size][: len(self)]
        return iter([(self.epoch, int(index)) for index in share])

    def __len__(self) -> int:
        return self.size // self.world_size


class EvaluationSampler(DistributedSampler[Any]):
    """Shares streams among processes so that each is evaluated exactly once, in its order.

    Lightning's default repeats samples until all processes have the same number.

    Args:
        streams: The stream that each sample is a piece of; pieces of a stream are in order.
        rank: This process.
        world_size: Number of processes.

    Raises:
        ValueError: If there are fewer streams than processes.
    """

    def __init__(self, streams: Sequence[int], rank: int = 0, world_size: int = 1) -> None:
        count = len(set(streams))
        if count < world_size:
            raise ValueError(
                f"{count} evaluation streams cannot be shared by {world_size} processes; "
                f"use at most {count} (trainer.devices)"
            )
        super().__init__(range(len(streams)), world_size, rank)  # type: ignore[arg-type]
        # A stream's pieces stay together: methods remember from one to the next.
        self.indices = [i for i, stream in enumerate(streams) if stream % world_size == rank]

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)
