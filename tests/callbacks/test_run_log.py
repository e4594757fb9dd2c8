"""A run's folder tells what was run, and how it ended."""

import json
import logging
import subprocess

import pytest
import torch
from lightning import Trainer
from torch.utils.data import DataLoader

from arseg_lightning.callbacks import RunLog, Throughput
from arseg_lightning.losses import CrossEntropy
from arseg_lightning.provenance import commit_of
from arseg_lightning.tasks import PerFrameTask
from tests.tiny import TinyNet, clip_batch


def fit(folder, batches, printed=True):
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        default_root_dir=folder,
        callbacks=[RunLog(folder), Throughput(printed)],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    task = PerFrameTask(TinyNet, CrossEntropy(), num_classes=3)
    trainer.fit(task, DataLoader(batches, batch_size=None))


@pytest.fixture
def handlers():
    """The handlers of all loggers that a run writes from, before and after."""
    names = ("", "arseg_lightning", "lightning.pytorch")
    before = [list(logging.getLogger(name).handlers) for name in names]
    level = logging.getLogger("arseg_lightning").level
    yield
    assert [list(logging.getLogger(name).handlers) for name in names] == before
    assert logging.getLogger("arseg_lightning").level == level


@pytest.mark.usefixtures("handlers")
def test_the_log_begins_with_the_environment(tmp_path):
    fit(tmp_path, [clip_batch()])
    log = (tmp_path / "run.log").read_text()
    assert "INFO epoch 1/1, train/loss " in log
    first = log.splitlines()[0].partition("INFO fit starts: ")[2]
    environment = json.loads(first)
    assert environment["versions"]["torch"] == torch.__version__
    assert environment["processes"] == 1


def test_beside_a_bar_the_log_alone_gets_the_lines_of_the_epochs(tmp_path, capsys):
    fit(tmp_path, [clip_batch()], printed=False)
    assert "INFO epoch 1/1, train/loss " in (tmp_path / "run.log").read_text()
    assert "train/loss" not in capsys.readouterr().out


@pytest.mark.usefixtures("handlers")
def test_the_log_says_what_ended_a_run(tmp_path):
    with pytest.raises(IndexError):
        fit(tmp_path, [clip_batch(num_classes=9)])  # a label that is no class
    log = (tmp_path / "run.log").read_text()
    assert "ERROR the run ends" in log
    assert "Traceback" in log


def test_a_commit_is_marked_if_files_have_changed(tmp_path):
    def git(*arguments):
        names = ("-c", "user.name=n", "-c", "user.email=e")
        subprocess.run(["git", "-C", str(tmp_path), *names, *arguments], check=True)

    assert commit_of(tmp_path) is None
    git("init", "-q")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    clean = commit_of(tmp_path)
    assert len(clean) == 12
    (tmp_path / "file").write_text("b")
    assert commit_of(tmp_path) == clean + "+"
