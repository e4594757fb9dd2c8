import sys
import time

import pytest

from arseg_lightning.sweep.process import Process, last_error

RAISED = """\
Seed set to 0
Traceback (most recent call last):
  File "a.py", line 3, in b
    int("")
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 5, in b
    raise error
package.errors.NotAVideo: street.mp4 is no video
It has no frames.
\x1b[1;34mwandb\x1b[0m: You can sync this run
"""
OURS = [sys.executable, "-m", "arseg_lightning"]
WRONG_OPTION = "usage: __main__.py [-h]\nerror: Parser key 'a':\n  not a number\ntip: see --help\n"


@pytest.mark.parametrize(
    ("output", "status", "error"),
    [
        (RAISED, 1, "package.errors.NotAVideo: street.mp4 is no video"),
        (WRONG_OPTION, 2, "error: Parser key 'a':"),
        ("one\ntwo\n\n\x1b[1mwandb\x1b[0m: sync\n", 3, "two"),
        ("", 4, "ended with status 4"),
        ("working", -9, "killed by SIGKILL (out of memory?)"),
        ("working", -11, "killed by SIGSEGV"),
    ],
)
def test_the_line_that_says_why_is_found(output, status, error):
    assert last_error(output, status) == error


def ended(process):
    while not process.has_ended:
        time.sleep(0.01)
    return process


def test_a_program_has_the_variables_that_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setenv("KEPT", "a")
    print_them = "import os; print(os.environ['KEPT'], os.environ['GIVEN'])"
    command = [sys.executable, "-c", print_them]
    assert ended(Process(command, tmp_path / "log.txt", {"GIVEN": "b"})).error is None
    assert (tmp_path / "log.txt").read_text() == "a b\n"


@pytest.mark.slow
def test_a_program_runs_in_its_own_process_and_writes_its_log(tmp_path):
    assert ended(Process([*OURS, "--help"], tmp_path / "log.txt", {})).error is None
    assert "usage: " in (tmp_path / "log.txt").read_text()
    nothing = [*OURS, "fit", "--config", str(tmp_path / "none.yaml")]
    error = ended(Process(nothing, tmp_path / "log.txt", {})).error
    assert error is not None
    assert error.startswith("error: ")


def test_where_there_are_no_signals_it_is_ended_by_force(tmp_path, monkeypatch):
    """As on Windows."""
    process = Process([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", {})
    monkeypatch.delattr("os.killpg")
    process.end()
    assert ended(process).error.startswith("killed by")
    process.end(by_force=True)
