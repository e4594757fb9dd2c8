"""Throughput: what counts as waiting, and where the figures go."""

import pytest
from lightning import Trainer
from torch.utils.data import DataLoader

from arseg_lightning.callbacks import EpochLines, Throughput
from arseg_lightning.callbacks.progress import StepClock
from arseg_lightning.losses import CrossEntropy
from arseg_lightning.tasks import PerFrameTask
from tests.tiny import TinyNet, clip_batch


def test_waiting_is_the_time_before_a_batch_arrives():
    clock = StepClock(10.0)
    for second in (10.0, 14.0):
        clock.batch_arrives(second + 1)
        clock.step_ends(second + 4, samples=8)
    assert clock.samples_per_second == pytest.approx(16 / 8)
    assert clock.wait_share == pytest.approx(2 / 8)


def test_a_batch_that_arrives_while_the_device_computes_was_not_waited_for():
    clock = StepClock(0.0)
    clock.batch_arrives(1.0, was_busy=True)
    clock.step_ends(2.0, samples=1)
    assert clock.wait_share == 0


def test_before_the_first_step_the_figures_are_zero():
    clock = StepClock(5.0)
    assert (clock.samples_per_second, clock.wait_share) == (0, 0)


def test_an_epochs_figures_are_logged_and_stand_in_its_line(tmp_path, capsys):
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        default_root_dir=tmp_path,
        callbacks=[Throughput(), EpochLines()],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    task = PerFrameTask(TinyNet, CrossEntropy(), num_classes=3)
    trainer.fit(task, DataLoader([clip_batch() for _ in range(3)], batch_size=None))
    metrics = trainer.callback_metrics
    assert metrics["train/samples_per_second"] > 0
    assert 0 <= metrics["train/data_wait_share"] <= 1
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("epoch 1/1, train/loss ")
    assert "samples/s, " in line
    assert line.endswith("% waiting for data")
