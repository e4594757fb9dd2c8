"""Checkpoints are whole, whatever ends their writing."""

import resource
from contextlib import contextmanager

import pytest
import torch

from arseg_lightning.callbacks import WholeCheckpoints


def save(path, size, value=1.0):
    WholeCheckpoints().save_checkpoint({"weights": torch.full((size,), value)}, path)


@contextmanager
def small_disk(size):
    """Let no file of this process grow beyond so many bytes; nothing else is written meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    save(path, 1000, 7.0)
    with pytest.raises(OSError, match="File too large"), small_disk(100_000):
        save(path, 50_000)
    assert torch.load(path, weights_only=True)["weights"].eq(7).all()
    assert list(tmp_path.iterdir()) == [path]
    save(path, 50_000)  # there is room again
    assert torch.load(path, weights_only=True)["weights"].shape == (50_000,)


def test_no_checkpoint_of_a_requeued_job_stands_before_that_of_the_last_epoch(tmp_path):
    save(tmp_path / "hpc_ckpt_1.ckpt", 10)
    assert list(tmp_path.iterdir()) == []
