"""Runs jobs side by side, as many at once as there are places for them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from arseg_lightning.sweep.launch import Running

__all__ = ["run_side_by_side"]

_SECONDS_TO_STOP = 10.0
_SECONDS_TO_LOOK = 0.1

Job = TypeVar("Job")
Place = TypeVar("Place")


def run_side_by_side(
    jobs: Iterable[Job],
    places: Sequence[Place],
    start: Callable[[Job, Place], Running],
    ended: Callable[[Job, Running], None],
) -> None:
    """Start jobs in their order, each in the place that is free first, until all have ended.

    Everything is started and waited for in the thread that calls: a process that is tied to its
    parent (see :func:`~arseg_lightning.sweep.launch.start`) ends with the thread that started it.
    Whatever ends this early, such as Ctrl-C, first stops what runs.

    Args:
        jobs: What is to run.
        places: Where; one job at a time in each.
        start: Starts a job.
        ended: Is told of each that has ended, also in error.
    """
    waiting, free = deque(jobs), deque(places)
    running: list[tuple[Job, Place, Running]] = []
    try:
        while waiting or running:
            while waiting and free:
                job, place = waiting.popleft(), free.popleft()
                running.append((job, place, start(job, place)))
            over = [entry for entry in running if entry[2].has_ended]
            running = [entry for entry in running if entry not in over]
            free.extend(place for _, place, _ in over)
            for job, _, process in over:
                ended(job, process)
            if not over:
                time.sleep(_SECONDS_TO_LOOK)
    except BaseException:
        _stop([process for _, _, process in running])
        raise


def _stop(running: Sequence[Running]) -> None:
    """End all at once: first by asking, then, or if Ctrl-C comes again, by force."""
    try:
        for process in running:
            process.end()
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while time.monotonic() < deadline and not all(each.has_ended for each in running):
            time.sleep(_SECONDS_TO_LOOK)
    finally:
        for process in running:
            process.end(by_force=True)
        while not all(each.has_ended for each in running):
            time.sleep(_SECONDS_TO_LOOK)
