"""Throughput: what counts as waiting, and where the figures go."""

from types import SimpleNamespace

import pytest
from lightning import Trainer
from torch.utils.data import DataLoader

from arseg_lightning.callbacks import Throughput
from arseg_lightning.losses import CrossEntropy
from arseg_lightning.tasks import PerFrameTask
from tests.tiny import TinyNet, clip_batch


class Logged(PerFrameTask):
    """Keeps what is logged, without a trainer."""

    def __init__(self):
        super().__init__(TinyNet, CrossEntropy(), num_classes=3)
        self.values = {}

    def log(self, name, value, **where):
        self.values[name] = value


@pytest.fixture
def figures(monkeypatch):
    """Figures of an epoch from 10 s on, whose steps take some seconds after a wait for the batch.

    Each has 8 samples.
    """
    now = [10.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    batch, trainer = (
        clip_batch(),
        SimpleNamespace(world_size=8 // len(clip_batch().images), is_global_zero=False),
    )

    def figures(*steps, is_busy=None):
        throughput, task = Throughput(), Logged()
        throughput.on_train_epoch_start(trainer, task)
        for wait, seconds in steps:
            now[0] += wait
            throughput._computed = is_busy
            throughput.on_train_batch_start(trainer, task, batch, 0)
            now[0] += seconds
            throughput.on_train_batch_end(trainer, task, None, batch, 0)
        throughput.on_train_epoch_end(trainer, task)
        return task.values["train/samples_per_second"], task.values["train/data_wait_share"]

    return figures


def test_waiting_is_the_time_before_a_batch_arrives(figures):
    assert figures((1, 3), (1, 3)) == pytest.approx((16 / 8, 2 / 8))


def test_a_batch_that_arrives_while_the_device_computes_was_not_waited_for(figures):
    assert figures((1, 1), is_busy=SimpleNamespace(query=lambda: False))[1] == 0


def test_before_the_first_step_the_figures_are_zero(figures):
    assert figures() == (0, 0)


@pytest.mark.parametrize("printed", [True, False])
def test_an_epochs_figures_are_logged_and_stand_in_its_line(printed, tmp_path, capsys):
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        default_root_dir=tmp_path,
        callbacks=[Throughput(printed)],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    task = PerFrameTask(TinyNet, CrossEntropy(), num_classes=3)
    trainer.fit(task, DataLoader([clip_batch() for _ in range(3)], batch_size=None))
    metrics = trainer.callback_metrics
    assert metrics["train/samples_per_second"] > 0
    assert 0 <= metrics["train/data_wait_share"] <= 1
    said = capsys.readouterr().out
    if not printed:
        assert "train/loss" not in said
        return
    line = said.splitlines()[-1]
    assert line.startswith("epoch 1/1, train/loss ")
    assert "samples/s, " in line
    assert line.endswith("% waiting for data")
