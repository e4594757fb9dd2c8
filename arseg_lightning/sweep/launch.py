"""Starts one point's command in a process of its own."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

__all__ = ["Launch", "Running", "last_error", "launch", "start"]

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: .*)?")


class Running(Protocol):
    """A command that was started."""

    @property
    def has_ended(self) -> bool:
        """Whether it has."""

    @property
    def error(self) -> str | None:
        """What the error of one that has ended was, in one line; None after success."""

    def end(self, by_force: bool = False) -> None:
        """Ask it and its own children to end, or force them, unless it has ended."""


Launch = Callable[[Sequence[str], Path, Mapping[str, str]], Running]
"""Starts a command line of ours with its output in a file and more variables of environment."""


def launch(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> Running:
    """Start ``python -m arseg_lightning ARGUMENTS``.

    Args:
        arguments: The command line from ``fit`` or ``test`` on.
        log: The file to write its output to.
        environment: Variables besides those of this process.
    """
    return start([sys.executable, "-m", "arseg_lightning", *arguments], log, environment)


def start(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Running:
    """Start a program in a session of its own, with its output in a log file.

    On Linux it ends with the thread that calls this, however that ends. What it hands to W&B stays
    on this machine, unless ``WANDB_MODE`` says otherwise.

    Args:
        command: The program and its arguments.
        log: The file to write.
        environment: Variables besides those of this process.
    """
    spoken = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    inherited = {"WANDB_MODE": "offline"} | os.environ | spoken
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=inherited | dict(environment),
            start_new_session=True,  # so that Ctrl-C reaches the runner alone, which then stops it
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # so on Windows
            preexec_fn=_end_with_parent(),
        )
    return _Process(process, log)


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


class _Process:
    """A process of this one that leads a session."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self._log = process, log

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def error(self) -> str | None:
        status = self._process.wait()
        return None if status == 0 else last_error(self._said(), status)

    def end(self, by_force: bool = False) -> None:
        if self.has_ended:
            return
        if not hasattr(os, "killpg"):  # Windows knows force only; workers end without their parent
            self._process.kill()
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL if by_force else signal.SIGTERM)

    def _said(self) -> str:
        return self._log.read_text("utf-8", errors="replace")


def _end_with_parent() -> Callable[[], None] | None:
    """What a child does first, where the system can tie its life to that of its parent."""
    if sys.platform != "linux":
        return None
    set_option = ctypes.CDLL(None).prctl  # looked up here: a forked child should do little
    return lambda: set_option(_SET_DEATH_SIGNAL, signal.SIGKILL)
