"""An error that was raised on purpose is a message; any other keeps its traceback."""

import re
import subprocess
import sys

import pytest

from arseg_lightning.cli import main
from arseg_lightning.failure import plain_message
from arseg_lightning.systems.every_frame import check_resolution_ratio


def caught(call, *arguments):
    with pytest.raises(Exception) as error:  # noqa: PT011
        call(*arguments)
    return error.value


def test_what_this_package_raises_is_its_message():
    message = plain_message(caught(check_resolution_ratio, 1.5))
    assert message.startswith("resolution_ratio is the scale of the network's input")
    assert "ARSEG_LIGHTNING_TRACEBACK=1" in message


def test_what_others_raise_keeps_its_traceback():
    assert plain_message(caught(int, "x")) is None
    assert plain_message(RuntimeError("never raised")) is None


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "No space left on device: make room, mend the"),
        (OSError(30, "Read-only file system", "a/b"), r"Read-only file system \(a/b\): make room"),
        (OSError(28, "last.ckpt cannot be written"), r"last\.ckpt cannot be written\n"),
    ],
)
def test_a_disk_that_takes_nothing_is_named_whoever_writes(error, message):
    assert re.match(message, plain_message(error))


def test_the_traceback_is_there_when_asked_for(monkeypatch):
    monkeypatch.setenv("ARSEG_LIGHTNING_TRACEBACK", "1")
    assert plain_message(caught(check_resolution_ratio, 1.5)) is None


HIGH_RES = [
    "test",
    "--model=HighResTask",
    "--model.network=tests.tiny.TinyNet",
    "--model.loss=CrossEntropy",
    "--model.checkpoint=nothing.ckpt",
    "--data.test=StreetVideos",
]


def test_what_a_constructor_raises_is_found_in_the_parsers_list_of_attempts():
    message = plain_message(caught(main, HIGH_RES))
    assert message.startswith("no checkpoint at nothing.ckpt; give the path of a .ckpt or .pth")


def test_the_program_ends_with_the_message():
    command = [sys.executable, "-m", "arseg_lightning", "tables", "--document", "none.md"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: no document at none.md; give the path")
    assert "Traceback" not in ended.stderr
