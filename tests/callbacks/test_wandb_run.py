"""The W&B run of an interrupted run that resumes."""

from pathlib import Path

import pytest
import wandb
from jsonargparse import Namespace

from arseg_lightning.callbacks.wandb_runs import own_wandb_run, set_wandb_runs


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch):
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)


def logger(name="WandbLogger", run=None):
    path = f"lightning.pytorch.loggers.{name}"
    return Namespace(class_path=path, init_args=Namespace(id=run, version=None))


def keep(loggers, previous=None):
    set_wandb_runs(loggers, Path("runs/run"), "fit", previous)


def recorded(run):
    return {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {"id": run}}


def test_a_run_that_resumes_keeps_its_id():
    loggers = [logger("CSVLogger"), logger()]
    keep(loggers, [{"class_path": "CSVLogger", "init_args": {}}, recorded("abc")])
    assert [each.init_args.id for each in loggers] == [None, "abc"]


def test_new_runs_have_different_ids():
    first, second = logger(), logger()
    keep(first, None)
    keep(second, None)
    assert first.init_args.id != second.init_args.id
    assert len(first.init_args.id) == 8


def test_an_id_that_is_set_stays(monkeypatch):
    own, agents = logger(run="mine"), logger()
    keep(own, recorded("abc"))
    assert own.init_args.id == "mine"
    monkeypatch.setenv("WANDB_RUN_ID", "agent")
    keep(agents, recorded("abc"))
    assert agents.init_args.id is None


@pytest.mark.parametrize("loggers", [None, True, False, []])
def test_without_wandb_nothing_changes(loggers):
    keep(loggers, None)


def experiment(folder, error=None):
    with own_wandb_run():
        if wandb.run is None:  # as the logger does it
            wandb.init(dir=folder, project="test", mode="disabled")
        if error is not None:
            raise error


def test_an_experiments_run_ends_with_it(tmp_path):
    experiment(tmp_path)
    assert wandb.run is None
    with pytest.raises(KeyError):
        experiment(tmp_path, KeyError())
    assert wandb.run is None


def test_a_run_of_the_callers_stays_open(tmp_path):
    run = wandb.init(dir=tmp_path, project="test", mode="disabled")
    experiment(tmp_path)
    assert wandb.run is run
    run.finish()
