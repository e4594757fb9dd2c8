"""Methods with teachers, turns and adversaries resume, on one process and on two."""

import re

import pytest
import torch

from tests.callbacks.interrupted import (
    EPOCHS,
    Interrupted,
    assert_equal,
    driving,
    fit,
    method_experiment,
    state,
)
from tests.processes import run_together
from tests.tiny import TinyNet

TINY = {"class_path": "tests.tiny.TinyNet"}
TARGET = {"target": driving(80)}
METHODS = {
    "VideoAdversarial": (TARGET, {"channels": 4}),
    "VideoSelfTraining": (TARGET, {"teacher": TINY}),
    "TDNet": ({}, {"teacher": TINY, "paths": 2, "value_channels": 8, "head_channels": 8}),
    "ETC": ({}, {"teacher": TINY}),
    "WeClick": ({}, {"teacher": TINY}),
}
"""Data and arguments of each."""

QUICK = ("VideoAdversarial", "TDNet")

PARTS = ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")


def run_twice(folder, name, flags=(), rank=0, passes=8):
    """A run in one go, and one that is left after its first epoch and started again."""
    data, arguments = METHODS[name]
    store = folder / "store"
    config = method_experiment(folder / f"config{rank}", store, name, data, **arguments)
    fit(config, folder / "whole", *flags)
    with pytest.raises(Interrupted):
        fit(config, folder / "broken", *flags, passes=passes)
    fit(config, folder / "broken", *flags)


@pytest.fixture
def folder(tmp_path):
    """Where the runs go, with a teacher's weights."""
    torch.manual_seed(1)
    torch.save(TinyNet(9).state_dict(), tmp_path / "teacher.pth")
    return tmp_path


def assert_same(folder):
    whole, broken = (state(folder / run) for run in ("whole", "broken"))
    for part in PARTS:
        assert_equal(whole[part], broken[part], part)
    assert whole["epoch"] == EPOCHS - 1


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in METHODS],
)
def test_a_method_resumes_as_if_it_had_not_been_interrupted(name, folder, capsys):
    run_twice(folder, name)
    assert re.search("resuming after epoch [12] of 3", capsys.readouterr().out)
    assert_same(folder)


def together(rank, folder, name):
    strategy = "ddp_find_unused_parameters_true" if name == "TDNet" else "ddp"
    flags = ("--trainer.devices", "2", "--data.batch_size", "1", "--trainer.strategy", strategy)
    run_twice(folder, name, flags, rank)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_two_processes_resume_as_if_they_had_not_been_interrupted(name, folder):
    assert run_together(together, folder, name) == [None, None]
    assert_same(folder)
