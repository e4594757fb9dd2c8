"""Resuming with a changed configuration: the configuration decides, and what changed is said."""

import math
from functools import partial

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader

from arseg_lightning.tasks import PerFrameTask
from tests.tiny import TinyNet, clip_batch, small_trainer

BATCHES = 4
ONE_CYCLE = partial(OneCycleLR, max_lr=0.1, total_steps=12)


def train(folder, epochs, checkpoint=None, callbacks=(), optimizer=None, **options):
    torch.manual_seed(0)
    task = PerFrameTask(TinyNet, num_classes=3, optimizer=optimizer or adam(0.002), **options)
    rates = []
    task.optimizer_step = partial(record, task, rates)
    trainer = small_trainer(max_epochs=epochs, default_root_dir=folder, callbacks=[*callbacks])
    batches = DataLoader([clip_batch(seed=i, frames=1) for i in range(BATCHES)], batch_size=None)
    trainer.fit(task, batches, ckpt_path=checkpoint)
    return trainer, rates


def record(task, rates, epoch, batch_idx, optimizer, closure):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step(closure=closure)


def adam(rate, **options):
    return partial(torch.optim.Adam, lr=rate, **options)


def resumed(folder, caplog, before, after, epochs=(1, 3), callbacks=((), ())):
    """Rates of a whole run as configured after, and of one that resumes what ran before."""
    _, expected = train(folder, epochs[1], callbacks=callbacks[0], **after)
    first, _ = train(folder, epochs[0], callbacks=callbacks[0], **before)
    first.save_checkpoint(folder / "last.ckpt")
    caplog.clear()
    with caplog.at_level("INFO"):
        second, rates = train(folder, epochs[1], folder / "last.ckpt", callbacks[1], **after)
    return second, expected[BATCHES * epochs[0] :], rates


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"optimizer": adam(0.1)}, "optimizer.lr 0.002 -> 0.1"),
        ({}, {"schedule": "polynomial"}, "schedule constant -> polynomial"),
        ({"warmup_steps": 2}, {"warmup_steps": 8}, "warmup_steps 2 -> 8"),
        ({}, {"schedule": partial(StepLR, step_size=2)}, "StepLR"),
        (
            {"schedule": partial(StepLR, step_size=1, gamma=0.5)},
            {"schedule": partial(StepLR, step_size=1, gamma=0.1)},
            "schedule.gamma 0.5 -> 0.1",
        ),
        ({}, {"rates": {"network": 3.0}}, "rates None -> {'network': 3.0}"),
        ({}, {"schedule": ONE_CYCLE, "schedule_interval": "step"}, "OneCycleLR"),
    ],
)
def test_the_rate_is_the_one_that_the_configuration_gives_this_step(
    before, after, said, tmp_path, caplog
):
    # As a run of three epochs that was stopped after one, with the schedule of three.
    stopped = {"schedule": "constant"} | before
    if "warmup_steps" in before:
        after["schedule"] = "constant"
    _, expected, rates = resumed(tmp_path, caplog, stopped, after)
    assert rates == pytest.approx(expected, rel=1e-9)
    assert "another configuration than the checkpoint's, and the configuration dec" in caplog.text
    assert said in caplog.text


def test_more_epochs_stretch_the_cosine(tmp_path, caplog):
    _, expected, rates = resumed(tmp_path, caplog, {}, {})
    assert rates == pytest.approx(expected, rel=1e-9)


def test_what_is_as_it_was_is_not_spoken_of(tmp_path, caplog):
    _, expected, rates = resumed(tmp_path, caplog, {}, {}, epochs=(2, 2))
    assert rates == expected == []
    assert "another configuration" not in caplog.text


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("weight_decay", 0.1, "optimizer.weight_decay None -> 0.1"),
        ("betas", (0.5, 0.9), "optimizer.betas None -> [0.5, 0.9]"),
    ],
)
def test_other_arguments_of_the_optimiser_are_the_configurations(
    option, value, said, tmp_path, caplog
):
    after = {"optimizer": adam(0.002, **{option: value})}
    trainer, *_ = resumed(tmp_path, caplog, {}, after)
    assert trainer.optimizers[0].param_groups[0][option] == value
    assert said in caplog.text
    assert trainer.optimizers[0].state  # the moments are the checkpoint's


def test_a_plateau_keeps_what_it_has_seen(tmp_path, caplog):
    plateau = {"schedule": ReduceLROnPlateau, "schedule_monitor": "train/loss"}
    trainer, *_ = resumed(tmp_path, caplog, plateau, plateau)
    (config,) = trainer.lr_scheduler_configs
    assert math.isfinite(config.scheduler.best)
    assert config.scheduler.last_epoch == 3


def test_the_patience_of_a_callback_is_the_configurations(tmp_path, caplog):
    stops = [[EarlyStopping("train/loss", patience=patience)] for patience in (7, 2)]
    trainer, *_ = resumed(tmp_path, caplog, {}, {}, callbacks=stops)
    assert trainer.early_stopping_callback.patience == 2


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (
            {"optimizer": partial(torch.optim.SGD, lr=0.1)},
            r"is Adam \[12\], and this run's is SGD \[12\]: ",
        ),
        ({"rates": {"network.stem": 2.0}}, r"is Adam \[12\], and this run's is Adam \["),
    ],
)
def test_another_optimisers_state_is_refused_with_the_way_out(after, message, tmp_path, caplog):
    with pytest.raises(ValueError, match=message + r".*--model\.weights\.all CHECKPOINT instead"):
        resumed(tmp_path, caplog, {}, after)
    weights = {"all": str(tmp_path / "last.ckpt")}
    _, rates = train(tmp_path, 1, weights=weights, **after)
    assert len(rates) == BATCHES
