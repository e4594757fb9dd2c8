"""Processes of a sweep's points, and the slots in each of which one runs at a time."""

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
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Process", "Slot", "last_error", "make_slots", "stop_all"]

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_DEVICE = re.compile(r"(GPU|MIG)-[\w/-]+")
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_SECONDS_TO_STOP = 10.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: .*)?")


@dataclass(frozen=True, slots=True)
class Slot:
    """One point at a time."""

    device: str | None = None  # the entry of CUDA_VISIBLE_DEVICES that it sees; None for all
    environment: Mapping[str, str] = field(default_factory=dict)  # besides that of this process


def make_slots(
    devices: str | None, parallel: int | None, environment: Mapping[str, str], gpus: int, cores: int
) -> tuple[Slot, ...]:
    """The slots that the command's options ask for.

    Args:
        devices: Entries of ``CUDA_VISIBLE_DEVICES`` with commas between them, a slot for each.
        parallel: How many slots that leave the devices as they are.
        environment: That of this process; its ``CUDA_VISIBLE_DEVICES`` limits the devices.
        gpus: How many GPUs there are.
        cores: How many processor cores there are, which all slots share evenly.

    Raises:
        ValueError: If there is no such device, no such number, or both options are given.
    """
    if devices is not None and parallel is not None:
        raise ValueError(
            f"--devices {devices} already says how many points run at once; take --parallel away"
        )
    if parallel is not None and parallel < 1:
        raise ValueError(f"--parallel is {parallel}; give at least 1")
    visible = environment.get(_VISIBLE)
    there = [str(gpu) for gpu in range(gpus)]
    if visible is not None:
        there = [name.strip() for name in visible.split(",") if name.strip()]
    names = [] if devices is None else [name.strip() for name in devices.split(",")]
    for name in names:  # CUDA ignores one that is not there, and the point would run without
        if name not in there and (visible is not None or not _DEVICE.fullmatch(name)):
            source = "" if visible is None else f" in {_VISIBLE}"
            raise ValueError(
                f"--devices has {name!r}, but the GPUs here{source} are "
                f"{', '.join(there) or 'none'}; give those, or --parallel N to share what there is"
            )
    number = len(names) or parallel or 1
    shared = {}
    if number > 1 and "OMP_NUM_THREADS" not in environment:
        shared["OMP_NUM_THREADS"] = str(max(1, cores // number))
    on_devices = tuple(Slot(name, shared | {_VISIBLE: name}) for name in names)
    return on_devices or (Slot(None, shared),) * number


class Process:
    """A program that runs in a separate session, with its output in a log file.

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
        """Whether the program has ended."""
        return self._process.poll() is not None

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._started

    @property
    def error(self) -> str | None:
        """The error of a program that has ended, in one line; None after success."""
        status = self._process.wait()
        said = self._log.read_text("utf-8", errors="replace")
        return None if status == 0 else last_error(said, status)

    def end(self, by_force: bool = False) -> None:
        """Ask it and its children to end, or force them, unless it has ended."""
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
    """The line of a program's output that names its error.

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
