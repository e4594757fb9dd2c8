import sys

import pytest

from arseg_lightning.sweep.program import last_error, run_program

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
WRONG_OPTION = "usage: __main__.py [-h]\nerror: Parser key 'a':\n  not a number\ntip: see --help\n"


@pytest.mark.parametrize(
    ("output", "status", "error"),
    [
        (RAISED, 1, "package.errors.NotAVideo: street.mp4 is no video"),
        (WRONG_OPTION, 2, "error: Parser key 'a':"),
        ("one\ntwo\n\n", 3, "two"),
        ("", 4, "ended with status 4"),
        ("working", -9, "killed by SIGKILL (out of memory?)"),
        ("working", -11, "killed by SIGSEGV"),
    ],
)
def test_the_line_that_says_why_is_found(output, status, error):
    assert last_error(output, status) == error


@pytest.mark.parametrize(("status", "error"), [(0, None), (3, "said")])
def test_a_program_runs_in_its_own_process_and_writes_its_log(status, error, tmp_path):
    command = [sys.executable, "-SEc", f"print('said'); raise SystemExit({status})"]
    assert run_program(command, tmp_path / "log.txt") == error
    assert (tmp_path / "log.txt").read_text() == "said\n"
