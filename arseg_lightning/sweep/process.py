"""A point's command in a process of its own."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["Process", "last_error", "stop_all"]

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_SECONDS_TO_STOP = 10.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: .*)?")


class Process:
    """A program that runs in a session of its own, with its output in a log file.

    On Linux it ends with the thread that starts it, however that ends. What it hands to W&B stays
    on this machine, unless ``WANDB_MODE`` says otherwise.

    Args:
        command: The program and its arguments.
        log: The file to write.
        environment: Variables besides those of this process.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self._log, self._started = log, time.monotonic()
        spoken = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        # Looked up here: a forked child should do little.
        set_option = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"WANDB_MODE": "offline"} | os.environ | spoken | dict(environment),
                start_new_session=True,  # Ctrl-C reaches the sweep alone, which then stops it
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # so on Windows
                preexec_fn=set_option and (lambda: set_option(_SET_DEATH_SIGNAL, signal.SIGKILL)),
            )

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self._process.poll() is not None

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._started

    @property
    def error(self) -> str | None:
        """What the error of one that has ended was, in one line; None after success."""
        status = self._process.wait()
        said = self._log.read_text("utf-8", errors="replace")
        return None if status == 0 else last_error(said, status)

    def end(self, by_force: bool = False) -> None:
        """Ask it and its own children to end, or force them, unless it has ended."""
        if self.has_ended:
            return
        if not hasattr(os, "killpg"):  # Windows knows force only; workers end without their parent
            self._process.kill()
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL if by_force else signal.SIGTERM)


def stop_all(running: Sequence[Process]) -> None:
    """End all at once: first by asking, then, or if Ctrl-C comes again, by force."""
    try:
        for process in running:
            process.end()
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while time.monotonic() < deadline and not all(each.has_ended for each in running):
            time.sleep(0.1)
    finally:
        for process in running:
            process.end(by_force=True)
        while not all(each.has_ended for each in running):
            time.sleep(0.1)


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
