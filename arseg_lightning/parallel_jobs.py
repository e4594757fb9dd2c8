"""Independent jobs: in processes of this machine, which loky (of joblib) keeps, or on Ray."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from joblib.externals.loky import cpu_count, get_reusable_executor

from arseg_lightning.video.errors import VideoDamageWarning

__all__ = ["Job", "Outcome", "attempt", "run_jobs", "run_on_ray"]


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
    notes: tuple[str, ...] = ()  # damage that was worked around


def run_jobs(
    jobs: Sequence[Job], workers: int | None = None, patience_seconds: float = 0.0
) -> Generator[Outcome]:
    """Run jobs, and yield how each ended as soon as it did.

    A job that kills its process fails alone. Ctrl-C lets the running jobs remove partial files.

    Args:
        jobs: The jobs.
        workers: How many run at once; 1 is this process. One for each processor core that this
            process may use by default.
        patience_seconds: How long this process works alone, as others need seconds to start.
    """
    waiting = deque(jobs)
    workers = workers or cpu_count()
    start = time.monotonic()
    is_alone = workers == 1
    while waiting and (is_alone or time.monotonic() - start < patience_seconds):
        yield attempt(waiting.popleft())
        is_alone = is_alone or len(waiting) == 1  # for the last one, none is started
    if waiting:
        yield from _run_in_processes(waiting, workers)


def run_on_ray(jobs: Sequence[Job], address: str) -> Generator[Outcome]:
    """Run jobs on a cluster of Ray, one a core, and yield how each ended as soon as it did.

    Every node must see the data and the store under the same paths, and have this package. Ray's
    reports to its makers are off unless RAY_USAGE_STATS_ENABLED says otherwise.

    Args:
        jobs: The jobs.
        address: Of a running cluster, ``auto`` or ``HOST:PORT``; ``local`` starts Ray here.

    Raises:
        ValueError: If Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ValueError("--ray needs Ray: pip install 'arseg_lightning[ray]'") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # The outcomes tell what happened; lines between would tear the progress bar.
    ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
    try:
        task = ray.remote(attempt).options(num_cpus=1, max_retries=0)
        here = partial(_make_in_folder, Path.cwd())  # relative paths lead to the same files
        running = {task.remote(Job(each.name, partial(here, each.make))): each for each in jobs}
        while running:
            (reference, *_), _ = ray.wait([*running])
            job = running.pop(reference)
            try:
                yield ray.get(reference)
            except ray.exceptions.RayError as error:  # attempt() raises none: a process has died
                yield Outcome(job.name, error=f"its process was ended ({error})")
    finally:
        ray.shutdown()


def _make_in_folder(folder: Path, make: Callable[[], bool]) -> bool:
    os.chdir(folder)
    return make()


def _run_in_processes(waiting: deque[Job], workers: int) -> Generator[Outcome]:
    running: dict[Future[Outcome], Job] = {}
    suspects: deque[Job] = deque()  # they ran when a process died, and any may be the cause
    try:
        while waiting or suspects or running:
            # Processes without a job end soon: who handed them out may have been killed. One that
            # has died takes its executor with it, and the next one is new.
            executor = get_reusable_executor(workers, initializer=_ignore_signals, timeout=20)
            alone = bool(suspects) and not running
            jobs, room = (suspects, int(alone)) if suspects else (waiting, workers)
            while jobs and len(running) < room:
                job = jobs.popleft()
                running[executor.submit(_attempt_elsewhere, job)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, error = running.pop(future), future.exception()
                if error is None:
                    yield future.result()
                elif alone:  # attempt() raises nothing: its process has died
                    yield Outcome(
                        job.name, error=f"its process was ended; is memory short? {error}"
                    )
                else:
                    suspects.append(job)
    finally:  # at the end; after Ctrl-C, or when nobody wants more, jobs may still run
        for process in multiprocessing.active_children() if running else ():
            if process.name.startswith("LokyProcess"):
                process.terminate()
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
            return Outcome(job.name, error=words)
    notes = (str(each.message) for each in caught if each.category is VideoDamageWarning)
    return Outcome(job.name, made, notes=tuple(dict.fromkeys(notes)))


def _attempt_elsewhere(job: Job) -> Outcome:
    """Run a job so that SIGTERM interrupts it, and lets it remove partial files."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return attempt(job)
    except KeyboardInterrupt:  # the process stays: if one goes, loky kills all others
        return Outcome(job.name, error="interrupted")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _ignore_signals() -> None:
    # Ctrl-C reaches every process of a terminal: the one that hands out the jobs passes it on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
