"""The user's callbacks, bars and checkpoints beside those of a run."""

import pytest
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, TQDMProgressBar

from arseg_lightning.callbacks import RunCheckpoint, run_callbacks
from arseg_lightning.callbacks.run_callbacks import has_bar
from arseg_lightning.cli import main
from tests.test_cli import HIGH_RES, configuration, driving


def kinds(folder, **options):
    best = RunCheckpoint(folder, "best")
    return [type(each) for each in run_callbacks({"logger": False} | options, [best], folder)]


def test_the_users_bar_and_monitor_take_the_place_of_ours(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert kinds(tmp_path).count(TQDMProgressBar) == 1
    bar, monitor = TQDMProgressBar(refresh_rate=5), LearningRateMonitor("step")
    options = {"callbacks": [bar, monitor], "logger": None}
    own = run_callbacks(options, [], tmp_path)
    assert [each for each in own if isinstance(each, TQDMProgressBar)] == [bar]
    assert [each for each in own if isinstance(each, LearningRateMonitor)] == [monitor]
    assert TQDMProgressBar not in kinds(tmp_path, enable_progress_bar=False)


def test_a_configured_bar_is_shown_where_none_would_be(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert not has_bar({})
    assert has_bar({"callbacks": TQDMProgressBar()})


def test_the_rate_is_logged_where_there_is_a_logger(tmp_path):
    assert LearningRateMonitor in kinds(tmp_path, logger=None)
    assert LearningRateMonitor not in kinds(tmp_path)


@pytest.mark.parametrize("options", [{"enable_checkpointing": False}, {"barebones": True}])
def test_no_checkpoints_where_none_are_wanted(options, tmp_path):
    assert RunCheckpoint in kinds(tmp_path)
    assert RunCheckpoint not in kinds(tmp_path, **options)


def test_a_checkpoint_of_the_users_is_kept_beside_ours(tmp_path, store, capsys):
    stills = {"train_on": "stills", "val": driving(50), "val_losses": False}
    config = configuration(tmp_path, HIGH_RES, store=store, **stills)
    own = ["--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.filename", "mine"]
    own += ["--trainer.callbacks.dirpath", str(tmp_path)]
    steps = ["--trainer.max_epochs", "-1", "--trainer.max_steps", "2"]
    main(["fit", "--config", config, *own, *steps, "--trainer.limit_train_batches", "1"])
    assert (tmp_path / "mine.ckpt").is_file()
    said = capsys.readouterr().out
    assert "epoch 2, train/loss" in said
    assert "/-1" not in said
    states = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["callbacks"]
    assert len([key for key in states if key.startswith(("ModelCheckpoint", "RunCheck"))]) == 3


def test_a_run_whose_accumulation_changes_resumes(tmp_path, store):
    stills = {"train_on": "stills", "val": driving(50), "val_losses": False}
    config = configuration(tmp_path, HIGH_RES, store=store, **stills)
    more = tmp_path / "more.yaml"
    more.write_text(
        "trainer: {max_epochs: 2, callbacks: [{class_path: GradientAccumulationScheduler, "
        "init_args: {scheduling: {0: 2, 1: 4}}}]}\nmodel: {init_args: {schedule: constant}}\n"
    )
    words = ["fit", "--config", config, "--config", str(more)]
    main(words)
    path = str(tmp_path / "run" / "last.ckpt")
    cli = main([*words, "--ckpt_path", path, "--trainer.max_epochs", "3"])
    assert cli.trainer.current_epoch == 3
