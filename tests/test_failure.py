"""Errors raised on purpose are messages; any other says its type and its location too."""

import re
import runpy
import sys

import pytest
from lightning import Trainer

from arseg_lightning.bench import BenchCase
from arseg_lightning.cli import main
from arseg_lightning.messages import CommandError, plain_message, report
from arseg_lightning.methods.per_frame import check_resolution_ratio


def caught(call, *arguments):
    with pytest.raises(Exception) as error:  # noqa: PT011
        call(*arguments)
    return error.value


def test_what_this_package_raises_is_its_message():
    message = plain_message(caught(check_resolution_ratio, 1.5))
    assert message.startswith("resolution_ratio is the scale of the network's input")


def test_what_lightning_says_of_a_setting_is_its_message():
    message = plain_message(caught(lambda: Trainer(accelerator="cpu", devices=0)))
    assert message.startswith("`Trainer(devices=0)` value is not a valid input")


def test_what_others_raise_is_shown_with_its_traceback(capsys):
    """``re`` raises for our line: that is no message that was meant for anybody."""
    for error in (caught(lambda: int("x")), caught(BenchCase.parse, None)):
        assert plain_message(error) is None
        assert report(error) == 1
        said = capsys.readouterr().err
        assert said.startswith("Traceback")
        assert str(error) in said


def test_of_several_processes_the_first_one_refuses_the_command(monkeypatch, capsys):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert report(CommandError("no")) == 2
    assert report(caught(check_resolution_ratio, 1.5)) == 1
    assert capsys.readouterr().err.startswith("error in process 1: resolution_ratio is")
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert report(CommandError("no")) == 2
    assert capsys.readouterr().err == "error: no\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "No space left on device: make room, repair the"),
        (OSError(30, "Read-only file system", "a/b"), r"Read-only file system \(a/b\): make room"),
        (OSError(20, "Not a directory", "a/b"), r"Not a directory \(a/b\): make room, repair the"),
        (OSError(28, "last.ckpt cannot be written"), r"last\.ckpt cannot be written$"),
    ],
)
def test_a_disk_that_takes_nothing_is_named_whoever_writes(error, message):
    assert re.match(message, plain_message(error))


def test_the_traceback_is_there_when_asked_for(monkeypatch, capsys):
    monkeypatch.setenv("ARSEG_LIGHTNING_TRACEBACK", "1")
    assert report(caught(check_resolution_ratio, 1.5)) == 1
    assert capsys.readouterr().err.startswith("Traceback")


HIGH_RES = [
    "test",
    "--model=PerFrameTask",
    "--model.network=tests.tiny.TinyNet",
    "--model.loss=CrossEntropy",
    "--model.weights.network=nothing.ckpt",
    "--data.test=SyntheticDriving",
]


def test_what_a_constructor_raises_is_found_in_the_parsers_list_of_attempts():
    message = plain_message(caught(main, HIGH_RES))
    assert message.startswith("no checkpoint at nothing.ckpt; give the path of a .ckpt or .pth")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["fitt"], 2, "fitt is no command; nearest: fit"),
    ],
)
def test_the_program_ends_with_the_message(words, status, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["arseg_lightning", *words])
    monkeypatch.setenv("PYTORCH_ENABLE_MPS_FALLBACK", "1")  # the program would set it for good
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("arseg_lightning", run_name="__main__")
    assert ended.value.code == status
    said = capsys.readouterr().err
    assert said.startswith(f"error: {message}")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("command", "flag", "message"),
    [
        ("test", "--ckpt_path=nothing.ckpt", "no checkpoint at nothing.ckpt; give the path"),
        ("validate", "--data.batch_size=1", "no val data: set data.val in the configuration"),
        ("test", "--data.batch_size=0", "batch_size is at least 1, got 0"),
        ("test", "--data.frame_cache_gib=-1", "frame_cache_gib is at least 0, got -1"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is(tmp_path, command, flag, message):
    without_weights = [word for word in HIGH_RES[1:] if "weights" not in word]
    error = caught(main, [command, *without_weights, flag, f"--run_dir={tmp_path / 'run'}"])
    assert plain_message(error).startswith(message)
    assert not (tmp_path / "run").exists()
