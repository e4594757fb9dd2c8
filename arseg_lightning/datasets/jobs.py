"""Independent jobs, done in several processes of this machine; one that fails stops no other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from collections.abc import Sequence as Many
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from arseg_lightning.files import NO_PLACE
from arseg_lightning.video.cache import CannotWriteCache
from arseg_lightning.video.errors import CannotWriteVideo, VideoDamageWarning

__all__ = ["Engine", "Job", "LocalEngine", "Outcome", "attempt", "available_cores"]


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done by any process.

    Args:
        name: What messages call it.
        make: Does it, unless it is done; returns whether there was anything to do. It must be
            picklable.
    """

    name: str
    make: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Args:
        name: The job's name.
        made: Whether there was anything to do.
        error: Why it failed; None if it did not.
        no_place: Whether it failed because nothing can be written, as the next jobs would.
        notes: Damage that was worked around.
    """

    name: str
    made: bool = False
    error: str | None = None
    no_place: bool = False
    notes: tuple[str, ...] = ()


class Engine(ABC):
    """Where jobs are done."""

    @abstractmethod
    def run(self, jobs: Many[Job]) -> Generator[Outcome, None, None]:
        """Do jobs, and yield how each ended as soon as it did.

        Closing the generator ends what is still being done.
        """


@dataclass(frozen=True)
class LocalEngine(Engine):
    """Processes of this machine; one that dies is replaced and takes only its own job with it.

    Args:
        workers: Number of processes.

    Raises:
        ValueError: If there are none.
    """

    workers: int

    def __post_init__(self) -> None:
        """Check the number."""
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}; preparing needs at least one process")

    def run(self, jobs: Many[Job]) -> Generator[Outcome, None, None]:
        """Do jobs; each process gets its next one when it has done the one before."""
        waiting = iter(jobs)
        context = _context()
        workers: dict[Connection, _Worker] = {}
        try:
            for job in islice(waiting, self.workers):
                _start(context, job, workers)
            while workers:
                ended = wait(list(workers))
                for connection in [each for each in workers if each in ended]:
                    worker = workers[connection]
                    yield worker.outcome()
                    following = next(waiting, None)
                    if following is not None and worker.process.is_alive():
                        worker.give(following)
                        continue
                    workers.pop(connection).end()
                    if following is not None:
                        _start(context, following, workers)
        finally:
            for worker in workers.values():
                worker.end()


def available_cores() -> int:
    """How many processor cores this process may use, which a scheduler may have limited."""
    if not hasattr(os, "sched_getaffinity"):  # Windows and macOS
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _context() -> BaseContext:
    """How processes are started: from a server that has imported what they need, if there is one.

    None is forked from this process, whose threads may hold locks.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "arseg_lightning.datasets.store"])
    return context


class _Worker:
    """A process and the job that it does."""

    def __init__(self, context: BaseContext, job: Job) -> None:
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=_work, args=(theirs,), daemon=True
        )
        self.process.start()
        theirs.close()
        self.give(job)

    def give(self, job: Job) -> None:
        """Hand it a job."""
        self._name = job.name
        with suppress(BrokenPipeError):  # it has died: outcome() says so
            self.connection.send(job)

    def outcome(self) -> Outcome:
        """How its job ended, which may be with the end of the process."""
        try:
            outcome: Outcome = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return Outcome(self._name, error=_death(self.process.exitcode))
        return outcome

    def end(self) -> None:
        """End the process; between two jobs it is idle, and within one it leaves no entry."""
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _start(context: BaseContext, job: Job, to: dict[Connection, _Worker]) -> None:
    """Start a process for a job and those behind it."""
    worker = _Worker(context, job)
    to[worker.connection] = worker


def _work(connection: Connection) -> None:
    """Do jobs until nobody hands any out."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        while True:
            connection.send(attempt(connection.recv()))
    except (EOFError, OSError):
        return


def _leave(number: int, frame: object) -> None:
    """Remove what is half written, and let no second signal disturb that."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _ignore)  # SIG_IGN complains of one that is on its way already
    raise SystemExit(128 + number)


def _ignore(number: int, frame: object) -> None:
    pass


def attempt(job: Job) -> Outcome:
    """Do a job and say how it ended."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = job.make()
        except Exception as error:  # whatever is wrong with one must not stop the others
            return Outcome(job.name, error=_words(error), no_place=_has_no_place(error))
    notes = (str(each.message) for each in caught if each.category is VideoDamageWarning)
    return Outcome(job.name, made, notes=tuple(dict.fromkeys(notes)))


def _words(error: Exception) -> str:
    """An error's message; its kind where the message alone may not be understood."""
    own = type(error).__module__.startswith("arseg_lightning.")
    return str(error) if own else f"{type(error).__name__}: {error}"


def _has_no_place(error: BaseException) -> bool:
    """Tell whether an error of ours about writing comes from a disk that takes nothing."""
    writing = isinstance(error, CannotWriteCache | CannotWriteVideo)
    return writing and getattr(error.__cause__, "errno", None) in NO_PLACE


def _death(code: int | None) -> str:
    """Why a process ended."""
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}; is memory short?"
    return f"its process ended with exit status {code}"
