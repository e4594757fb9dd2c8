"""Runs the points of a sweep, and resumes what was stopped."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arseg_lightning.files import LockedElsewhere, lock_file, write_atomic
from arseg_lightning.sweep.points import choose_points, point_arguments, point_name
from arseg_lightning.sweep.sweep_file import SweepFile, Values

__all__ = ["LOG_NAME", "Point", "last_error", "run_program", "run_sweep"]

_POINT_NAME = "point.json"
LOG_NAME = "log.txt"
"""Output of a point's run, in the point's folder."""


@dataclass(slots=True)
class Point:
    """One run of a sweep, and how it ended, as its ``point.json`` says."""

    folder: Path
    values: Values
    record: dict[str, Any] = field(default_factory=dict)  # error, seconds, metric; empty before

    @property
    def error(self) -> str | None:
        """Last line of what the run said, if it failed."""
        return self.record.get("error")

    @property
    def metric(self) -> float | None:
        """The sweep's metric, if the run's logs hold it."""
        return self.record.get("metric")


def run_sweep(
    sweep: SweepFile,
    run_dir: Path,
    count: int | None = None,
    seed: int = 0,
    extra: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> list[Point]:
    """Run all points that are not done yet; one that fails does not keep the others from running.

    Several processes may share a folder. A point that was stopped resumes after its last epoch.

    Args:
        sweep: The sweep.
        run_dir: Folder of the sweep; each point has a folder below it.
        count: How many points; by default the file's ``run_cap``, or the whole grid.
        seed: Decides which points are drawn.
        extra: More options for each point's command.
        say: Receives lines about the progress.

    Returns:
        The points that have ended, in their order.

    Raises:
        ValueError: If a folder holds a point with another command or other values, or it is not
            said how many points are to be drawn.
    """
    count = sweep.count if count is None else count
    if count is None and sweep.method == "random":
        raise ValueError(
            f"{sweep.path} has method random, which has no end; say how many points "
            f"with --count N, or with run_cap: N in the file"
        )
    if count is not None and (not isinstance(count, int) or count < 1):
        raise ValueError(f"the number of points is {count}; give a whole number of at least 1")
    draws = choose_points(sweep, count, seed)
    points = [Point(run_dir / point_name(sweep, values), values) for values in draws]
    command, started = [*sweep.command, *extra], time.time()
    say(f"{len(points)} points in {run_dir}, {_count_done(points, command)} of them done already")
    for point in points:
        try:
            lock = lock_file(point.folder / ".point.lock")
        except LockedElsewhere:
            continue
        try:
            _count_done([point], command)  # another process may have run it meanwhile
            # What failed before this process began runs once more.
            if point.record and not (point.error and point.record["ended"] < started):
                continue
            say(point.folder.name)
            _run(sweep, point, extra)
        finally:
            lock.release()
        how = f"failed: {point.error}; log: {point.folder / LOG_NAME}" if point.error else "done"
        done, seconds = _count_done(points, command), point.record["seconds"]
        say(f"  {how}, after {seconds:.0f} s ({done} of {len(points)} done)")
    return [point for point in points if point.record]


def _count_done(points: Sequence[Point], command: list[str]) -> int:
    """Read how points ended, and count those that did not fail."""
    for point in points:
        path = point.folder / _POINT_NAME
        point.record = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        for name, now in (("command", command), ("values", point.values)):
            if point.record.get(name, now) != now:
                raise ValueError(
                    f"{point.folder} is a point whose {name} was {point.record[name]}, now "
                    f"{now}; give another --run_dir, or delete it"
                )
    return sum(bool(point.record) and not point.error for point in points)


def _run(sweep: SweepFile, point: Point, extra: Sequence[str]) -> None:
    """Run a point, and record how it ended."""
    for name in ("result.json", _POINT_NAME):  # of an earlier attempt
        (point.folder / name).unlink(missing_ok=True)
    options = list(extra)
    if point.record and (point.folder / "fit.yaml").is_file():
        options.append("--overwrite=true")  # what was interrupted has no record, and goes on
    words = point_arguments(sweep.command, point.values, point.folder, options)
    start = time.monotonic()
    error = run_program([sys.executable, "-m", "arseg_lightning", *words], point.folder / LOG_NAME)
    point.record = {
        "values": point.values,
        "command": [*sweep.command, *extra],
        "error": error,
        "seconds": round(time.monotonic() - start, 1),
        "ended": time.time(),
        "metric": _logged(point.folder, sweep.metric) if sweep.metric else None,
    }
    write_atomic(point.folder / _POINT_NAME, json.dumps(point.record, indent=1) + "\n")


def run_program(command: Sequence[str], log: Path) -> str | None:
    """Run a program with its output in a log file; its error in one line, None after success.

    What it hands to W&B stays on this machine, unless ``WANDB_MODE`` says otherwise.
    """
    spoken = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    with log.open("w", encoding="utf-8") as output:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"WANDB_MODE": "offline"} | os.environ | spoken,
            check=False,
        )
    status = ended.returncode
    return last_error(log.read_text("utf-8", errors="replace"), status) if status else None


def last_error(output: str, status: int) -> str:
    """The line of a program's output that names its error."""
    if status < 0:
        name = signal.Signals(-status).name
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(error|[\w.]*[A-Z]\w+): \S", line)]
    return [f"ended with status {status}", *lines[-1:], *errors[-1:]][-1]


def _logged(run_dir: Path, name: str) -> float | None:
    """The last value of a metric in the newest CSV log of a run that holds it."""
    logs = sorted(run_dir.rglob("metrics.csv"), key=lambda path: path.stat().st_mtime_ns)
    for path in reversed(logs):
        with path.open(encoding="utf-8", newline="") as file:
            values = [row[name] for row in csv.DictReader(file) if row.get(name)]
        if values:
            return float(values[-1])
    return None
