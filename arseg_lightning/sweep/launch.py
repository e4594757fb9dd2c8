"""Runs one point's command in a process of its own."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["Launch", "last_error", "launch"]

Launch = Callable[[Sequence[str], Path], str | None]
"""Runs a command line of ours with its output in a file; the error, or None if there is none."""

_SECONDS_TO_STOP = 10.0
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: .*)?")


def launch(arguments: Sequence[str], log: Path) -> str | None:
    """Run ``python -m arseg_lightning ARGUMENTS`` to its end, with its output in a log file.

    The process ends with this one, however that ends. What it hands to W&B stays on this machine,
    unless ``WANDB_MODE`` says otherwise.

    Args:
        arguments: The command line from ``fit`` or ``test`` on.
        log: The file to write.

    Returns:
        What the error was, in one line; None after success.
    """
    environment = {"WANDB_MODE": "offline"} | os.environ | {"PYTHONUNBUFFERED": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "arseg_lightning", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # so that Ctrl-C reaches the runner alone, which then stops it
            preexec_fn=_end_with_parent(),
        )
        try:
            status = process.wait()
        except BaseException:
            _stop(process)
            raise
    return None if status == 0 else last_error(log.read_text(errors="replace"), status)


def last_error(output: str, status: int) -> str:
    """The line of a program's output that says why it failed.

    Args:
        output: All that it wrote.
        status: Its exit status; a negative one is the signal that ended it.
    """
    if status < 0:
        name = signal.Signals(-status).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    lines = _COLOUR.sub("", output).splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith("Traceback (most recent call")]
    if starts:
        for line in lines[starts[-1] + 1 :]:
            if _RAISED.fullmatch(line):
                return line
    wrong_options = [line for line in lines if line.startswith("error: ")]
    said = [line for line in lines if line.strip() and not line.startswith("wandb:")]
    return [f"ended with status {status}", *said[-1:], *wrong_options[-1:]][-1].strip()


def _end_with_parent() -> Callable[[], None] | None:
    """What a child does first, where the system can tie its life to that of its parent."""
    if sys.platform != "linux":
        return None
    set_option = ctypes.CDLL(None).prctl  # looked up here: a forked child should do little
    return lambda: set_option(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its own children: first by asking, then by force."""
    for how, seconds in ((signal.SIGTERM, _SECONDS_TO_STOP), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
