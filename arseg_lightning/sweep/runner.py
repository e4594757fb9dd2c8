"""Runs the points of a sweep, several at once if asked to, and resumes what was stopped."""

from __future__ import annotations

import csv
import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import optuna

from arseg_lightning.report.sweep_index import SweepIndex, SweepPoint
from arseg_lightning.sweep.points import point_arguments
from arseg_lightning.sweep.process import Process, Slot, stop_all
from arseg_lightning.sweep.study import SweepStudy
from arseg_lightning.sweep.sweep_file import SweepFile

__all__ = ["LOG_NAME", "run_sweep"]

LOG_NAME = "log.txt"
"""Output of a point's run, in the point's folder."""


class _Run(NamedTuple):
    """A point that runs."""

    trial: optuna.Trial
    point: SweepPoint
    slot: Slot
    process: Process


def run_sweep(
    sweep: SweepFile,
    run_dir: Path,
    count: int | None = None,
    seed: int = 0,
    extra: tuple[str, ...] = (),
    slots: Sequence[Slot] = (Slot(),),
    say: Callable[[str], None] = print,
) -> SweepIndex:
    """Run all points that are not done yet; one that fails does not keep the others from running.

    Any number of processes may work on a folder at once. A point that was running in one that was
    stopped, in any way, resumes after its last epoch.

    Args:
        sweep: The sweep.
        run_dir: Folder of the sweep; each point has a folder below it.
        count: How many points; by default the file's ``run_cap``, or the whole grid.
        seed: Decides which points are drawn.
        extra: More options for each point's command.
        slots: Each runs one point at a time.
        say: Receives lines about the progress.

    Raises:
        ValueError: As :class:`~arseg_lightning.sweep.study.SweepStudy` does.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the progress is said below
    free, running, seconds = list(slots), list[_Run](), list[float]()
    with closing(SweepStudy(sweep, run_dir, count, seed, extra)) as study:
        done = sum(point.status == "done" for point in study.index().points)
        note = f", {done} of them done already" if done else ""
        say(f"{study.total} points in {run_dir}{note}")
        for folder in study.left_out():
            say(f"no longer in {sweep.path}, left as it is: {folder}")
        try:
            while True:
                # All are started and waited for in one thread: a process ends with its thread.
                while free and (claimed := study.claim()) is not None:
                    trial, point = claimed
                    points = study.index().points
                    ended = sum(each.status in ("done", "failed") for each in points)
                    left = _time_left(study.total - ended - len(running), len(slots), seconds)
                    number = [each.run_dir for each in points].index(point.run_dir) + 1
                    slot = free.pop(0)
                    where = "" if slot.device is None else f" on device {slot.device}"
                    say(f"point {number} of {study.total}{where}: {point.run_dir}{left}")
                    process = _started(sweep, point, run_dir / point.run_dir, extra, slot)
                    running.append(_Run(trial, point, slot, process))
                if not running:
                    return study.index()
                while not any(run.process.has_ended for run in running):
                    time.sleep(0.1)
                for run in [run for run in running if run.process.has_ended]:
                    running.remove(run)
                    free.append(run.slot)
                    seconds.append(run.process.seconds)
                    say(_finished(study, run, run_dir / run.point.run_dir, sweep.metric))
        except BaseException:  # also Ctrl-C
            stop_all([run.process for run in running])
            raise


def _started(
    sweep: SweepFile, point: SweepPoint, folder: Path, extra: Sequence[str], slot: Slot
) -> Process:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").unlink(missing_ok=True)  # of an earlier attempt
    if (folder / "fit.yaml").is_file():
        is_resumed = point.status == "interrupted"
        extra = [*extra, "--resume=or_restart" if is_resumed else "--overwrite=true"]
    words = point_arguments(sweep.command, point.values, folder, extra)
    command = [sys.executable, "-m", "arseg_lightning", *words]
    return Process(command, folder / LOG_NAME, slot.environment)


def _finished(study: SweepStudy, run: _Run, folder: Path, metric: str | None) -> str:
    """Note how a point ended; returns the line that says so."""
    seconds, measured = run.process.seconds, _logged(folder, metric) if metric else None
    error = study.finish(run.trial, run.process.error, seconds, measured)
    study.index()
    if error is None:
        return f"  {folder.name}: done in {_duration(seconds)}"
    return f"  {folder.name}: failed after {_duration(seconds)}: {error}; log: {folder / LOG_NAME}"


def _logged(run_dir: Path, name: str) -> float | None:
    """The last value of a metric in the newest CSV log of a run that holds it."""
    logs = sorted(run_dir.rglob("metrics.csv"), key=lambda path: path.stat().st_mtime_ns)
    for path in reversed(logs):
        with path.open(encoding="utf-8", newline="") as file:
            values = [row[name] for row in csv.DictReader(file) if row.get(name)]
        if values:
            return float(values[-1])
    return None


def _time_left(to_start: int, slots: int, seconds: Sequence[float]) -> str:
    """Estimate from rounds of all slots, each as long as points before were."""
    if not seconds:
        return ""
    rounds = math.ceil(to_start / slots)
    return f" (about {_duration(rounds * sum(seconds) / len(seconds))} left)"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
