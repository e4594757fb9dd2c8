"""Independent jobs, done on a cluster by Ray (the extra ``ray``)."""

from __future__ import annotations

import logging
import os
import platform
import socket
from collections.abc import Generator, Iterator
from collections.abc import Sequence as Many
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arseg_lightning.datasets.jobs import Engine, Job, Outcome, attempt, available_cores

__all__ = ["RayEngine"]

_QUIET = {"log_to_driver": False, "logging_level": logging.WARNING}
"""The outcomes tell what happened; lines between would tear the progress bar."""

_GRACE_SECONDS = 10.0
"""How long a cluster may take to answer, and an ended job to remove what it has half written."""


@dataclass(frozen=True)
class RayEngine(Engine):
    """Tasks of Ray, a processor core each.

    Every node must see the data and the store under the same paths, and have this package. A
    session of Ray that this process has already is used as it is, and kept. Ray's reports to its
    makers are off unless RAY_USAGE_STATS_ENABLED says otherwise.

    Args:
        address: Of a running cluster, ``auto`` or ``HOST:PORT``; None starts Ray on this machine.
        workers: How many tasks run at once; as many as there are cores by default.

    Raises:
        ValueError: If there are to be none, or Ray is not installed.
    """

    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        """Check the number, and that Ray is there."""
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers is {self.workers}; preparing needs at least one process")
        _ray()

    def run(self, jobs: Many[Job]) -> Generator[Outcome, None, None]:
        """Do jobs; one whose process or node is lost fails alone.

        Raises:
            ConnectionError: If there is no cluster at the address.
        """
        ray = _ray()
        with _connected(ray, self.address, self.workers):
            yield from self._run(ray, jobs)

    def _run(self, ray: Any, jobs: Many[Job]) -> Generator[Outcome, None, None]:
        task = ray.remote(num_cpus=1, max_retries=0)(_attempt_in)
        width = self.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting = list(reversed(jobs))
        running: dict[Any, str] = {}
        try:
            while waiting or running:
                while waiting and len(running) < width:  # not all: who waits needs no memory
                    job = waiting.pop()
                    running[task.remote(str(Path.cwd()), job)] = job.name
                (ended,), _ = ray.wait(list(running), num_returns=1)
                yield _outcome(ray, ended, running.pop(ended))
        finally:
            _cancel(ray, list(running))


@contextmanager
def _connected(ray: Any, address: str | None, workers: int | None) -> Iterator[None]:
    """Be a client of a cluster, or of Ray on this machine; what is connected already is used."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    if address is None:  # said as "local", or a cluster that happens to be there would be taken
        cores = workers or available_cores()
        ray.init("local", num_cpus=cores, include_dashboard=False, **_QUIET)
    else:
        _join(ray, address)
    try:
        yield
    finally:
        ray.shutdown()


def _join(ray: Any, address: str) -> None:
    """Become a client of a cluster."""
    try:
        if address != "auto":  # Ray itself waits two minutes and then ends the process
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=_GRACE_SECONDS).close()
        ray.init(address, **_QUIET)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"no cluster of Ray answers at {address} ({error}); give auto, or the HOST:PORT that "
            f"`ray start --head` printed, or leave the address out to use this machine"
        ) from error


def _outcome(ray: Any, ended: Any, name: str) -> Outcome:
    """How a job ended, which may be with the end of its process."""
    try:
        outcome: Outcome = ray.get(ended)
    except ray.exceptions.WorkerCrashedError:
        return Outcome(name, error="its process was ended; is memory short?")
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        return Outcome(name, error=f"{type(cause).__name__}: {cause}")
    return outcome


def _cancel(ray: Any, running: Many[Any]) -> None:
    """End jobs as Ctrl-C would, and wait until they have removed what is half written."""
    for each in running:
        ray.cancel(each)
    if running:
        ray.wait(running, num_returns=len(running), timeout=_GRACE_SECONDS)


def _attempt_in(folder: str, job: Job) -> Outcome:
    """Do a job where the command was given, so that relative paths lead to the same files."""
    try:
        os.chdir(folder)
    except OSError as error:
        return Outcome(
            job.name,
            error=f"{platform.node()} has no folder {folder} ({error.strerror}); every node of the "
            f"cluster must see the data and the store under the same paths",
        )
    return attempt(job)


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ValueError(
            "the engine ray needs Ray: pip install 'arseg_lightning[ray]', or use --engine local"
        ) from error
    return ray
