"""Resuming with the optimiser and the schedule of the checkpoint; others are refused."""

from functools import partial

import pytest
import torch
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader

from arseg_lightning.tasks import PerFrameTask
from tests.tiny import TinyNet, clip_batch, small_trainer

BATCHES = 4


def train(folder, epochs, checkpoint=None, optimizer=None, **options):
    torch.manual_seed(0)
    task = PerFrameTask(TinyNet, num_classes=3, optimizer=optimizer or adam(0.002), **options)
    rates = []
    task.optimizer_step = partial(record, task, rates)
    trainer = small_trainer(max_epochs=epochs, default_root_dir=folder)
    batches = DataLoader([clip_batch(seed=i, frames=1) for i in range(BATCHES)], batch_size=None)
    trainer.fit(task, batches, ckpt_path=checkpoint)
    return trainer, rates


def record(task, rates, epoch, batch_idx, optimizer, closure):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step(closure=closure)


def adam(rate, **options):
    return partial(torch.optim.Adam, lr=rate, **options)


@pytest.fixture
def last(tmp_path):
    first, _ = train(tmp_path, 1)
    first.save_checkpoint(tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_more_epochs_stretch_the_cosine(last, tmp_path):
    _, expected = train(tmp_path, 3)
    _, rates = train(tmp_path, 3, last)
    # The first step still has the rate of the checkpoint.
    assert rates[1:] == pytest.approx(expected[BATCHES + 1 :], rel=1e-9)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"optimizer": adam(0.1)}, r"optimizer\.lr 0\.002 -> 0\.1"),
        ({"optimizer": adam(0.002, betas=(0.5, 0.9))}, r"optimizer\.betas None -> \[0\.5, 0\.9\]"),
        ({"optimizer": partial(torch.optim.SGD, lr=0.002)}, r"torch\.optim\.adam\.Adam -> "),
        ({"schedule": partial(StepLR, step_size=2)}, r"schedule None -> .*StepLR"),
        ({"rates": {"network.stem": 2.0}}, r"rates None -> "),
    ],
)
def test_other_settings_are_refused_with_the_way_out(after, said, last, tmp_path):
    with pytest.raises(ValueError, match=rf"changed: .*{said}.*--model\.weights\.all CHECKPOINT"):
        train(tmp_path, 3, last, **after)
    _, rates = train(tmp_path, 1, weights={"all": str(last)}, **after)
    assert len(rates) == BATCHES
