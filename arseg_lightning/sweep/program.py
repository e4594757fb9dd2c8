"""Programs that a sweep starts, and the line of their output that names their error."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["last_error", "run_program"]

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


def run_program(command: Sequence[str], log: Path) -> str | None:
    """Run a program with its output in a log file; its error in one line, None after success.

    On Linux it ends with this process, however that ends: a run that went on by itself would be in
    the way when the sweep resumes. What it hands to W&B stays on this machine, unless
    ``WANDB_MODE`` says otherwise.
    """
    spoken = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    # Looked up here: a forked child should do little.
    set_option = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    with log.open("w", encoding="utf-8") as output:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"WANDB_MODE": "offline"} | os.environ | spoken,
            check=False,
            preexec_fn=set_option and (lambda: set_option(_SET_DEATH_SIGNAL, signal.SIGKILL)),
        )
    status = ended.returncode
    return last_error(log.read_text("utf-8", errors="replace"), status) if status else None


def last_error(output: str, status: int) -> str:
    """The line of a program's output that names its error."""
    if status < 0:
        name = signal.Signals(-status).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(error|[\w.]*[A-Z]\w+): \S", line)]
    return [f"ended with status {status}", *lines[-1:], *errors[-1:]][-1]
