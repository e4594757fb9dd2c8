"""Connection to a cluster of Ray (the extra ``ray``), on which joblib then runs jobs."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joblib import register_parallel_backend

from arseg_lightning.parallel_jobs import available_cores

__all__ = ["connected_cluster"]

# The outcomes tell what happened; lines between would tear the progress bar.
_QUIET = {"log_to_driver": False, "logging_level": logging.WARNING}

_ANSWER_SECONDS = 10.0


@contextmanager
def connected_cluster(address: str | None, workers: int | None) -> Iterator[int]:
    """Register joblib's backend ``ray``, on a cluster, and yield how many jobs it runs at once.

    Every node must see the data and the store under the same paths, and have this package. A
    session of Ray that this process has already is used as it is, and kept. Ray's reports to its
    makers are off unless RAY_USAGE_STATS_ENABLED says otherwise.

    Args:
        address: Of a running cluster, ``auto`` or ``HOST:PORT``; None starts Ray on this machine.
        workers: Jobs at once; by default as many as there are cores.

    Raises:
        ValueError: If Ray is not installed.
        ConnectionError: If there is no cluster at the address.
    """
    try:
        import ray
        from ray.util.joblib.ray_backend import RayBackend
    except ImportError as error:
        raise ValueError(
            "the engine ray needs Ray: pip install 'arseg_lightning[ray]', or use --engine local"
        ) from error

    class StreamingRayBackend(RayBackend):  # type: ignore[misc]
        """Yields results as they come, which Ray's pool can, unlike multiprocessing's."""

        supports_return_generator = True

    register_parallel_backend("ray", StreamingRayBackend)
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(ray, address, workers or available_cores())
    try:
        yield workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if is_ours:
            ray.shutdown()


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
