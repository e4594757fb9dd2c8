"""Runs the points of a sweep one after the other, and goes on where it was stopped."""

from __future__ import annotations

import fcntl
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from arseg_lightning.report.sweep_index import INDEX_NAME, PointStatus, SweepIndex, SweepPoint
from arseg_lightning.sweep.command import point_arguments
from arseg_lightning.sweep.launch import Launch, launch
from arseg_lightning.sweep.metric import logged_metric
from arseg_lightning.sweep.plan import Values, identity, point_names
from arseg_lightning.sweep.sweep_file import SweepFile

__all__ = ["LOG_NAME", "run_sweep"]

LOG_NAME = "log.txt"
"""What a point's run printed, in the point's folder."""

_VALUES_NAME = "sweep_values.json"

_logger = logging.getLogger(__name__)


def run_sweep(
    sweep: SweepFile,
    points: Sequence[Values],
    run_dir: Path,
    extra: Sequence[str] = (),
    launch: Launch = launch,
    say: Callable[[str], None] = _logger.info,
) -> SweepIndex:
    """Run all points that are not done yet; one that fails does not keep the others from running.

    ``sweep.json`` in the sweep's folder always says how far it is, so a sweep that was stopped in
    any way loses only what the point that was running had done since its last epoch.

    Args:
        sweep: The sweep.
        points: Its points.
        run_dir: Folder of the sweep; each point has a folder below it.
        extra: More options for each point's command.
        launch: Runs a command.
        say: Receives lines about the progress.

    Returns:
        The index at the end.

    Raises:
        RuntimeError: If the sweep is running already.
        ValueError: If the folder holds a sweep with another command.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    with _alone_in(run_dir):
        index = _planned(sweep, points, run_dir, extra, say)
        index.write(run_dir / INDEX_NAME)
        seconds: list[float] = []
        for number, point in enumerate(index.points):
            if point.status == "done":
                continue
            left = _time_left(index.points[number:], seconds)
            say(f"point {number + 1} of {len(index.points)}: {point.run_dir}{left}")
            index = _with_point(index, number, replace(point, status="running"), run_dir)
            ended = _run_point(sweep, point, run_dir, extra, launch)
            index = _with_point(index, number, ended, run_dir)
            seconds.append(ended.seconds or 0.0)
            say(_ending(ended, run_dir))
    return index


def _run_point(
    sweep: SweepFile, point: SweepPoint, run_dir: Path, extra: Sequence[str], launch: Launch
) -> SweepPoint:
    """Run one point, with what it was told and what it said in its folder."""
    folder = run_dir / point.run_dir
    folder.mkdir(parents=True, exist_ok=True)
    values = folder / _VALUES_NAME
    values.write_text(json.dumps(point.values, indent=1) + "\n")
    (folder / "result.json").unlink(missing_ok=True)  # of an earlier attempt
    if (folder / "fit.yaml").is_file():
        interrupted = point.status == "running"
        extra = [*extra, "--resume=or_restart" if interrupted else "--overwrite=true"]
    start = time.monotonic()
    error = launch(point_arguments(sweep.command, values, folder, extra), folder / LOG_NAME)
    return replace(
        point,
        status="done" if error is None else "failed",
        error=error,
        seconds=round(time.monotonic() - start, 1),
        metric=logged_metric(folder, sweep.metric) if sweep.metric and error is None else None,
    )


def _planned(
    sweep: SweepFile,
    points: Sequence[Values],
    run_dir: Path,
    extra: Sequence[str],
    say: Callable[[str], None],
) -> SweepIndex:
    """The index to start from: what is done stays done, what was interrupted is known to be."""
    command = (*sweep.command, *extra)
    before = _earlier_points(run_dir, command)
    taken = {point.run_dir for point in before.values()}
    planned: list[SweepPoint] = []
    for values, name in zip(points, point_names(sweep, points), strict=True):
        known = before.pop(identity(values), None)
        if known is None:
            while name in taken:
                name += "+"  # a folder of other values has that name
            planned.append(SweepPoint(values, name))
        elif known.status == "done" and (run_dir / known.run_dir / _VALUES_NAME).is_file():
            planned.append(known)
        else:
            status: PointStatus = "running" if known.status == "running" else "waiting"
            planned.append(SweepPoint(values, known.run_dir, status))
    done = sum(point.status == "done" for point in planned)
    say(f"{len(planned)} points in {run_dir}" + (f", {done} of them done already" if done else ""))
    for point in before.values():
        say(f"no longer in {sweep.path}, left as it is: {run_dir / point.run_dir}")
    return SweepIndex(str(sweep.path), sweep.method, tuple(planned), command)


def _earlier_points(run_dir: Path, command: tuple[str, ...]) -> dict[str, SweepPoint]:
    """The points of the sweep that the folder holds already, if it is the same one."""
    path = run_dir / INDEX_NAME
    if not path.is_file():
        return {}
    index = SweepIndex.read(path)
    if index.command != command:
        raise ValueError(
            f"{run_dir} holds a sweep whose command was `{' '.join(index.command)}`, now it is "
            f"`{' '.join(command)}`; give another --run_dir, or delete {run_dir}"
        )
    return {identity(point.values): point for point in index.points}


def _with_point(index: SweepIndex, number: int, point: SweepPoint, run_dir: Path) -> SweepIndex:
    """The index with one point changed, on disk as well."""
    points = (*index.points[:number], point, *index.points[number + 1 :])
    index = replace(index, points=points)
    index.write(run_dir / INDEX_NAME)
    return index


@contextmanager
def _alone_in(run_dir: Path) -> Iterator[None]:
    """Keep a second runner out; the lock ends with the process, however that ends."""
    with (run_dir / f"{INDEX_NAME}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RuntimeError(
                f"the sweep in {run_dir} is running already; wait for it, or give another --run_dir"
            ) from error
        yield


def _time_left(points: Sequence[SweepPoint], seconds: Sequence[float]) -> str:
    """How long the points that wait will take, if they take as long as those before."""
    if not seconds:
        return ""
    waiting = sum(point.status != "done" for point in points)
    return f" (about {_duration(waiting * sum(seconds) / len(seconds))} left)"


def _ending(point: SweepPoint, run_dir: Path) -> str:
    """How a point ended, in a line."""
    duration = _duration(point.seconds or 0.0)
    if point.status == "done":
        return f"  done in {duration}"
    return f"  failed after {duration}: {point.error}; log: {run_dir / point.run_dir / LOG_NAME}"


def _duration(seconds: float) -> str:
    """Seconds or minutes, whichever read well."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
