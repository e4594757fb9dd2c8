"""Jobs on a cluster of Ray (the extra ``ray``)."""

from __future__ import annotations

import logging
import os
import platform
import socket
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from arseg_lightning.parallel_jobs import Job, Outcome, attempt, available_cores

__all__ = ["run_on_ray"]

# The outcomes tell what happened; lines between would tear the progress bar.
_QUIET = {"log_to_driver": False, "logging_level": logging.WARNING}

_ANSWER_SECONDS = 10.0


def run_on_ray(
    jobs: Sequence[Job], address: str | None, workers: int | None = None
) -> Generator[Outcome]:
    """Run jobs on a cluster, one a core, and yield how each ended as soon as it did.

    Every node must see the data and the store under the same paths, and have this package. A
    session of Ray that this process has already is used as it is, and kept. Ray's reports to its
    makers are off unless RAY_USAGE_STATS_ENABLED says otherwise.

    Args:
        jobs: The jobs.
        address: Of a running cluster, ``auto`` or ``HOST:PORT``; None starts Ray on this machine.
        workers: Cores of this machine that a started Ray takes; all by default.

    Raises:
        ValueError: If Ray is not installed.
        ConnectionError: If there is no cluster at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            "the engine ray needs Ray: pip install 'arseg_lightning[ray]', or use --engine local"
        ) from error
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(ray, address, workers or available_cores())
    try:
        task = ray.remote(_attempt_in_folder).options(num_cpus=1, max_retries=0)
        running = {task.remote(job, Path.cwd()): job for job in jobs}
        while running:
            (reference, *_), _ = ray.wait([*running])
            job = running.pop(reference)
            try:
                outcome: Outcome = ray.get(reference)
            except ray.exceptions.RayError as error:  # attempt() raises none: a process has died
                outcome = Outcome(job.name, error=f"its process was ended ({error})")
            yield outcome
            if outcome.disk_full:
                return
    finally:
        if is_ours:
            ray.shutdown()


def _attempt_in_folder(job: Job, folder: Path) -> Outcome:
    """Run a job in the command's working directory: relative paths lead to the same files."""
    try:
        os.chdir(folder)
    except OSError as error:
        message = (
            f"{platform.node()} has no folder {folder} ({error.strerror}); every node of the "
            f"cluster must see the data and the store under the same paths"
        )
        return Outcome(job.name, error=message)
    return attempt(job)


def _connect(ray: Any, address: str | None, cores: int) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    if address is None:  # said as "local", or a cluster that happens to be there would be taken
        ray.init("local", num_cpus=cores, include_dashboard=False, **_QUIET)
        return
    try:
        if address != "auto":  # Ray itself waits two minutes and then ends the process
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
        ray.init(address, **_QUIET)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"no cluster of Ray answers at {address} ({error}); give auto, or the HOST:PORT that "
            f"`ray start --head` printed, or leave the address out to use this machine"
        ) from error
