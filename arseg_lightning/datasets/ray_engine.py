"""Independent jobs, done on a cluster by Ray (the extra ``ray``)."""

from __future__ import annotations

import os
from collections.abc import Generator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arseg_lightning.datasets.jobs import Engine, Job, Outcome, attempt

__all__ = ["RayEngine"]


@dataclass(frozen=True)
class RayEngine(Engine):
    """Tasks of Ray, a processor core each.

    Every node must see the data and the store under the same paths, and have this package.

    Args:
        address: Of a running cluster, ``auto`` or ``HOST:PORT``; None starts one on this machine.
        workers: How many tasks run at once; as many as the cluster has cores by default.

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
        """Do jobs; one whose process or node is lost fails alone."""
        ray = _ray()
        given = {} if self.address else {"num_cpus": self.workers}
        ray.init(address=self.address, ignore_reinit_error=True, log_to_driver=False, **given)
        try:
            yield from self._run(ray, jobs)
        finally:
            ray.shutdown()

    def _run(self, ray: Any, jobs: Many[Job]) -> Generator[Outcome, None, None]:
        task = ray.remote(num_cpus=1, max_retries=0)(_attempt_in)
        width = self.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting = list(reversed(jobs))
        running: dict[Any, str] = {}
        while waiting or running:
            while waiting and len(running) < width:  # not all at once: who waits needs no memory
                job = waiting.pop()
                running[task.remote(str(Path.cwd()), job)] = job.name
            ready, _ = ray.wait(list(running), num_returns=1)
            name = running.pop(ready[0])
            try:
                outcome: Outcome = ray.get(ready[0])
            except ray.exceptions.RayError as error:
                outcome = Outcome(name, error=f"{type(error).__name__}: {error}")
            yield outcome


def _attempt_in(folder: str, job: Job) -> Outcome:
    """Do a job where the command was given, so that relative paths lead to the same files."""
    os.chdir(folder)
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
