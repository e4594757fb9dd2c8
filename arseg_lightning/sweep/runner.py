"""Runs the points of a sweep, several at once if asked to, and goes on where it was stopped."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from arseg_lightning.files import LockedElsewhere, lock_file
from arseg_lightning.report.sweep_index import INDEX_NAME, SweepIndex, SweepPoint
from arseg_lightning.sweep.command import point_arguments
from arseg_lightning.sweep.earlier import VALUES_NAME, planned_index
from arseg_lightning.sweep.launch import Launch, Running, launch
from arseg_lightning.sweep.metric import logged_metric
from arseg_lightning.sweep.places import Place
from arseg_lightning.sweep.plan import Values
from arseg_lightning.sweep.side_by_side import run_side_by_side
from arseg_lightning.sweep.sweep_file import SweepFile

__all__ = ["LOG_NAME", "run_sweep"]

LOG_NAME = "log.txt"
"""What a point's run printed, in the point's folder."""

_logger = logging.getLogger(__name__)

Say = Callable[[str], None]


def run_sweep(
    sweep: SweepFile,
    points: Sequence[Values],
    run_dir: Path,
    extra: Sequence[str] = (),
    places: Sequence[Place] = (Place(),),
    launch: Launch = launch,
    say: Say = _logger.info,
) -> SweepIndex:
    """Run all points that are not done yet; one that fails does not keep the others from running.

    ``sweep.json`` in the sweep's folder always says how far it is, so a sweep that was stopped in
    any way loses only what the points that were running had done since their last epochs. It goes
    on in any number of places. Points that start at once on an empty data store are safe: they
    build each of its entries once, and the others wait for it.

    Args:
        sweep: The sweep.
        points: Its points.
        run_dir: Folder of the sweep; each point has a folder below it.
        extra: More options for each point's command.
        places: Where points run, one at a time in each.
        launch: Starts a command.
        say: Receives lines about the progress.

    Returns:
        The index at the end.

    Raises:
        RuntimeError: If the sweep is running already.
        ValueError: If the folder holds a sweep with another command.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    with _alone_in(run_dir):
        index = planned_index(sweep, points, run_dir, extra, say)
        return _Runner(sweep, index, run_dir, extra, places, launch, say).run()


class _Runner:
    """A sweep that runs; each change of its index is on disk at once."""

    def __init__(
        self,
        sweep: SweepFile,
        index: SweepIndex,
        run_dir: Path,
        extra: Sequence[str],
        places: Sequence[Place],
        launch: Launch,
        say: Say,
    ) -> None:
        self._sweep, self._index, self._run_dir, self._extra = sweep, index, run_dir, extra
        self._places, self._launch, self._say = places, launch, say
        self._to_start = sum(point.status != "done" for point in index.points)
        self._started: dict[int, float] = {}
        self._seconds: list[float] = []

    def run(self) -> SweepIndex:
        """Run what is not done, by its number in the index."""
        self._index.write(self._run_dir / INDEX_NAME)
        todo = [n for n, point in enumerate(self._index.points) if point.status != "done"]
        run_side_by_side(todo, self._places, self._start, self._end)
        return self._index

    def _start(self, number: int, place: Place) -> Running:
        """Start a point, with what it is told and what it says in its folder."""
        point = self._index.points[number]
        left = _time_left(self._to_start, len(self._places), self._seconds)
        where = "" if place.device is None else f" on device {place.device}"
        total = len(self._index.points)
        self._say(f"point {number + 1} of {total}{where}: {point.run_dir}{left}")
        self._to_start -= 1
        self._set(number, replace(point, status="running"))
        folder = self._run_dir / point.run_dir
        arguments = self._arguments(point, folder)
        self._started[number] = time.monotonic()
        return self._launch(arguments, folder / LOG_NAME, place.environment)

    def _arguments(self, point: SweepPoint, folder: Path) -> list[str]:
        """A point's command line, once its folder is ready for it."""
        folder.mkdir(parents=True, exist_ok=True)
        values = folder / VALUES_NAME
        values.write_text(json.dumps(point.values, indent=1) + "\n", "utf-8")
        (folder / "result.json").unlink(missing_ok=True)  # of an earlier attempt
        extra = self._extra
        if (folder / "fit.yaml").is_file():
            interrupted = point.status == "interrupted"
            extra = [*extra, "--resume=or_restart" if interrupted else "--overwrite=true"]
        return point_arguments(self._sweep.command, values, folder, extra)

    def _end(self, number: int, running: Running) -> None:
        """Note how a point ended."""
        point, error = self._index.points[number], running.error
        folder, metric = self._run_dir / point.run_dir, self._sweep.metric
        seconds = time.monotonic() - self._started.pop(number)
        ended = replace(
            point,
            status="done" if error is None else "failed",
            error=error,
            seconds=round(seconds, 1),
            metric=logged_metric(folder, metric) if metric and error is None else None,
        )
        self._seconds.append(seconds)
        self._set(number, ended)
        self._say(_ending(ended, self._run_dir))

    def _set(self, number: int, point: SweepPoint) -> None:
        """Change one point of the index, on disk as well."""
        points = list(self._index.points)
        points[number] = point
        self._index = replace(self._index, points=tuple(points))
        self._index.write(self._run_dir / INDEX_NAME)


@contextmanager
def _alone_in(run_dir: Path) -> Iterator[None]:
    """Keep a second runner out; the lock ends with the process, however that ends."""
    try:
        lock = lock_file(run_dir / f"{INDEX_NAME}.lock")
    except LockedElsewhere as error:
        raise RuntimeError(
            f"the sweep in {run_dir} is running already; wait for it, or give another --run_dir"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _time_left(to_start: int, places: int, seconds: Sequence[float]) -> str:
    """How long it will take in rounds of all places, each as long as points before were."""
    if not seconds:
        return ""
    rounds = math.ceil(to_start / places)
    return f" (about {_duration(rounds * sum(seconds) / len(seconds))} left)"


def _ending(point: SweepPoint, run_dir: Path) -> str:
    """How a point ended, in a line."""
    duration = _duration(point.seconds or 0.0)
    if point.status == "done":
        return f"  {point.run_dir}: done in {duration}"
    log = run_dir / point.run_dir / LOG_NAME
    return f"  {point.run_dir}: failed after {duration}: {point.error}; log: {log}"


def _duration(seconds: float) -> str:
    """Seconds or minutes, whichever read well."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
