"""Independent jobs in several processes, by joblib: of this machine, or of a cluster (Ray)."""

from __future__ import annotations

import multiprocessing
import os
import platform
import re
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from arseg_lightning.files import CANNOT_WRITE
from arseg_lightning.video.errors import CannotWrite, VideoDamageWarning

__all__ = ["Backend", "Job", "Outcome", "attempt", "available_cores", "run_jobs"]

Backend = Literal["loky", "ray"]


@dataclass(frozen=True, slots=True)
class Job:
    """Work for any process."""

    name: str  # for messages
    make: Callable[[], bool]  # returns whether there was anything to do; picklable


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended."""

    name: str
    made: bool = False  # there was something to do
    error: str | None = None  # why it failed, if it did
    disk_full: bool = False  # it failed because nothing can be written, as the next jobs would
    notes: tuple[str, ...] = ()  # damage that was worked around


def available_cores() -> int:
    """How many processor cores this process may use, which a scheduler may have limited."""
    if not hasattr(os, "sched_getaffinity"):  # Windows and macOS
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def run_jobs(
    jobs: Sequence[Job], workers: int, backend: Backend = "loky", patience_seconds: float = 0.0
) -> Iterator[Outcome]:
    """Run jobs, and yield how each ended as soon as it did.

    A job that kills its process fails alone. When nothing can be written any more, no further one
    is started. Ctrl-C lets the running jobs of this machine remove partial files, a second one
    kills them.

    Args:
        jobs: The jobs.
        workers: How many run at once; 1 is this process.
        backend: ``loky``: processes of this machine; ``ray``: those of a connected cluster.
        patience_seconds: How long this process works alone, as others need seconds to start.

    Raises:
        KeyboardInterrupt: After Ctrl-C, when the running jobs have ended.
    """
    waiting = deque(jobs)
    start = time.monotonic()
    is_alone = workers == 1 and backend == "loky"
    while waiting and (is_alone or time.monotonic() - start < patience_seconds):
        outcome = attempt(waiting.popleft())
        yield outcome
        if outcome.disk_full:
            return
        is_alone = is_alone or len(waiting) == 1  # for the last one, none is started
    if waiting:
        yield from _run_in_processes(waiting, workers, backend)


def _run_in_processes(waiting: deque[Job], workers: int, backend: Backend) -> Iterator[Outcome]:
    running: dict[int, Job] = {}
    suspects: deque[Job] = deque()  # they ran when a process died, and any may be the cause
    with _interrupt_passed_on() as stop:

        def handed_out(jobs: deque[Job]) -> Iterator[Any]:
            while jobs and not stop.is_set():
                job = jobs.popleft()
                running[id(job)] = job
                yield delayed(_attempt_elsewhere)(id(job), job, Path.cwd(), backend)

        while (waiting or suspects) and not stop.is_set():
            alone = bool(suspects)
            parallel = Parallel(
                n_jobs=max(2, workers),  # what is for one, joblib does in this process
                backend=backend,
                return_as="generator_unordered",
                pre_dispatch=workers,
                batch_size=1,
                **(_OF_LOKY if backend == "loky" else {}),
            )
            try:
                batch = deque([suspects.popleft()]) if alone else waiting
                for number, outcome in parallel(handed_out(batch)):
                    del running[number]
                    yield outcome
                    if outcome.disk_full:
                        stop.set()
            except Exception as error:  # attempt() raises none: a process has died
                if alone:
                    yield Outcome(running.popitem()[1].name, error=_cause_of_death(error))
                suspects.extend(running.values())
                running.clear()
    if backend == "loky":
        get_reusable_executor().shutdown()  # its processes would stay for minutes


def attempt(job: Job) -> Outcome:
    """Run a job and say how it ended."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = job.make()
        except Exception as error:  # whatever is wrong with one must not stop the others
            own = type(error).__module__.startswith("arseg_lightning.")
            words = str(error) if own else f"{type(error).__name__}: {error}"
            writing = isinstance(error, CannotWrite)
            disk_full = writing and getattr(error.__cause__, "errno", None) in CANNOT_WRITE
            return Outcome(job.name, error=words, disk_full=disk_full)
    notes = (str(each.message) for each in caught if each.category is VideoDamageWarning)
    return Outcome(job.name, made, notes=tuple(dict.fromkeys(notes)))


def _attempt_elsewhere(
    number: int, job: Job, folder: Path, backend: Backend
) -> tuple[int, Outcome]:
    """Run a job in the command's working directory: relative paths lead to the same files."""
    try:
        os.chdir(folder)
    except OSError as error:
        message = (
            f"{platform.node()} has no folder {folder} ({error.strerror}); every node of the "
            f"cluster must see the data and the store under the same paths"
        )
        return number, Outcome(job.name, error=message)
    if backend == "ray":
        return number, attempt(job)
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return number, attempt(job)
    except KeyboardInterrupt:  # the process stays: if one goes, loky kills all others
        return number, Outcome(job.name, error="interrupted")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _ignore_signals() -> None:
    # Ctrl-C reaches every process of a terminal: the one that hands out the jobs passes it on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


# Processes without a job end by themselves soon: who handed them out may have been killed.
_OF_LOKY = {"initializer": _ignore_signals, "idle_worker_timeout": 20.0}


@contextmanager
def _interrupt_passed_on() -> Iterator[threading.Event]:
    """Set an event on Ctrl-C and interrupt the jobs that run, then raise KeyboardInterrupt.

    joblib would kill them, and leave their partial files.
    """
    stop, interrupted = threading.Event(), False

    def interrupt(number: int, frame: object) -> None:
        nonlocal interrupted
        signal.signal(signal.SIGINT, usual)
        interrupted = True
        stop.set()
        for process in multiprocessing.active_children():
            if process.name.startswith("LokyProcess"):
                process.terminate()

    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main one may handle signals
        return
    usual = signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, usual)
    if interrupted:
        raise KeyboardInterrupt


def _cause_of_death(error: Exception) -> str:
    """Why a process ended; loky names its signal or exit status within a longer text."""
    found = re.search(r"(SIG[A-Z]+)\(-\d+\)|EXIT\((\d+)\)", str(error))
    if found and found[2]:
        return f"its process ended with exit status {found[2]}"
    if not found and type(error).__name__ not in ("ActorDiedError", "WorkerCrashedError"):
        return f"{type(error).__name__}: {error}"
    return f"its process was ended{f' by {found[1]}' if found else ''}; is memory short?"
