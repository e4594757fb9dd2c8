"""Data loaders and samplers of clips, for training and for evaluation."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from collections.abc import Iterator, Sequence
from multiprocessing.util import Finalize
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from arseg_lightning.datasets.training_clips import collate

__all__ = ["EpochSampler", "EvaluationSampler", "Loader", "clip_loader"]

# How long a worker that is told to end still serves.
_SECONDS_TO_STAY = 30.0


# Both samplers are distributed ones, so that Lightning leaves them as they are: by default it
# would share the share of each process once more.
class EpochSampler(DistributedSampler[Any]):
    """Shuffles a training set, shared among processes, and yields (epoch, index).

    A sample's random draws depend on (seed, epoch, index) alone. Each process gets the same number
    of samples: up to ``world_size - 1`` are left out of an epoch.
    """

    def __init__(self, size: int, seed: int = 0, rank: int = 0, world_size: int = 1) -> None:
        super().__init__(range(size), world_size, rank, seed=seed, drop_last=True)  # type: ignore[arg-type]
        self.size = size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.size)
        # All processes draw the same order, and each takes every world_size-th of it.
        share = order[self.rank :: self.num_replicas][: len(self)]
        return iter([(self.epoch, int(index)) for index in share])


class EvaluationSampler(DistributedSampler[Any]):
    """Shares streams among processes so that each is evaluated exactly once, in its order.

    Lightning's default repeats samples until all processes have the same number. ``streams`` says
    which one each sample is a piece of; pieces of a stream are in order.

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


class Loader(DataLoader[Any]):
    """A loader whose workers start without the parent's codecs, and end before their parent."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """The batches of an epoch."""
        if self.num_workers > 0:
            # Workers inherit codecs that wait to be freed, without their threads, and freeing one
            # waits for those forever.
            gc.collect()
        batches = super().__iter__()
        if isinstance(batches, _MultiProcessingDataLoaderIter) and batches not in _with_workers:
            _with_workers.add(batches)  # the same in the next epoch: its workers persist
            # In any kind of process, this comes before multiprocessing ends its children.
            Finalize(None, _end_workers, exitpriority=10)
        return batches


_with_workers: weakref.WeakSet[Any] = weakref.WeakSet()


def _end_workers() -> None:
    """Let workers end in peace before a process ends, also in error.

    Differs: PyTorch does so for pinned memory alone; otherwise they are sent SIGTERM, which ours
    take for a cluster's.
    """
    for batches in list(_with_workers):
        batches._shutdown_workers()


def clip_loader(
    dataset: Dataset[Any],
    sampler: EpochSampler | EvaluationSampler,
    batch_size: int,
    num_workers: int,
    whole: bool = False,
) -> Loader:
    """Load clips in batches; with ``whole``, samples are batches already.

    Raises:
        ValueError: If training samples do not fill one batch.
    """
    drop_last = isinstance(sampler, EpochSampler)
    if drop_last and len(sampler) < batch_size:
        raise ValueError(
            f"{len(sampler)} training samples a process do not fill one batch of "
            f"{batch_size}; lower data.batch_size"
        )
    return Loader(
        dataset,
        batch_size=None if whole else batch_size,
        sampler=sampler,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        collate_fn=None if whole else collate,
        drop_last=drop_last,
        pin_memory=torch.cuda.is_available(),  # copies to the device while it computes
        worker_init_fn=_prepare_worker,
        # Without its own, it draws from everybody's, and how often depends on num_workers.
        generator=torch.Generator(),
    )


def _prepare_worker(worker: int) -> None:
    """Keep a worker from freeing codecs of the parent that it is forked from, or leaving before it.

    A cluster tells all processes of a job to end, and the parent ends between two steps: until
    then it needs its workers. They end with it, or if it does not, a while later.
    """
    gc.freeze()
    signal.signal(signal.SIGTERM, _leave_later)


def _leave_later(number: int, frame: object) -> None:
    leave = threading.Timer(_SECONDS_TO_STAY, os._exit, (0,))
    leave.daemon = True
    leave.start()
