"""Runs the points of a sweep, and resumes what was stopped."""

from __future__ import annotations

import csv
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.trial import TrialState

from arseg_lightning.files import FileLock, LockedElsewhere, lock_file, write_atomic
from arseg_lightning.sweep.points import (
    MAX_REPEATS,
    Draw,
    choose_points,
    point_arguments,
    point_name,
)
from arseg_lightning.sweep.program import run_program
from arseg_lightning.sweep.sweep_file import SweepFile, Values

__all__ = ["LOG_NAME", "Point", "run_sweep"]

_POINT_NAME = "point.json"
LOG_NAME = "log.txt"
"""Output of a point's run, in the point's folder."""
_OF_A_RUN = ("fit.yaml", "test.yaml", "result.json", "last.ckpt")

_SECONDS_FOR_OTHERS = 60  # to write: SQLite's own five are few on a shared disk


@dataclass(slots=True)
class Point:
    """One run of a sweep, and how it ended, as its ``point.json`` says."""

    folder: Path
    values: Values
    record: dict[str, Any] = field(default_factory=dict)  # error, seconds, metric; empty before
    is_others: bool = False  # whether a run was in its folder before the sweep's first attempt

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

    Any number of processes may work on a folder at once. A point that was running in one that was
    stopped, in any way, resumes after its last epoch. The points are trials of an Optuna study:
    ``optuna-dashboard sqlite:///RUN_DIR/study.db`` shows them.

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
    if count is not None and count < 1:
        raise ValueError(f"count is {count}; give at least 1")
    if count is None and sweep.method != "grid":
        raise ValueError(
            f"{sweep.path} has method {sweep.method}, which has no end; say how many points "
            f"with --count N, or with run_cap: N in the file"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the progress is said below
    with closing(_Points(sweep, run_dir, count, seed, extra)) as points:
        say(f"{points.total} points in {run_dir}, {len(points.ended())} of them done already")
        while (claimed := points.claim()) is not None:
            point, trial, lock = claimed
            say(point.folder.name)
            start = time.monotonic()
            try:
                error = _run(sweep, point, extra)
                points.finish(point, trial, error, time.monotonic() - start)
            finally:
                lock.release()
            log = point.folder / LOG_NAME
            how = f"failed: {point.error}; log: {log}" if point.error else "done"
            done = len(points.ended())
            say(f"  {how}, after {point.record['seconds']:.0f} s ({done} of {points.total} done)")
        return points.ended(with_failed=True)


class _Points:
    """Points that are handed out one by one to all processes that work on the sweep's folder.

    A point's folder says how it ended; its lock, that somebody works on it. The study is what
    Bayesian search learns from.
    """

    def __init__(
        self, sweep: SweepFile, run_dir: Path, count: int | None, seed: int, extra: Sequence[str]
    ) -> None:
        self._sweep, self._run_dir = sweep, run_dir
        self._command, self._started = [*sweep.command, *extra], time.time()
        # What Bayesian search draws depends on how the points before it ended.
        self._draws = None if sweep.method == "bayes" else choose_points(sweep, count, seed)
        self.total = (count or 0) if self._draws is None else len(self._draws)
        # Optuna's search spaces are fixed: a changed sweep has another study in the same file.
        space = {key: distribution_to_json(each) for key, each in sweep.spaces.items()}
        digest = sha256(json.dumps([space, sweep.metric, sweep.maximize]).encode()).hexdigest()
        with _locked(run_dir):
            self._storage = optuna.storages.RDBStorage(
                f"sqlite:///{run_dir / 'study.db'}",
                engine_kwargs={"connect_args": {"timeout": _SECONDS_FOR_OTHERS}},
            )
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=f"{sweep.path.stem}-{digest[:8]}",
                direction="maximize" if sweep.maximize else "minimize",
                load_if_exists=True,
            )
        # The same seed would draw the same points again in each process.
        trials = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = optuna.samplers.TPESampler(seed=seed + trials)

    def close(self) -> None:
        """Close the study's file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def claim(self) -> tuple[Point, optuna.Trial, FileLock] | None:
        """Lock the next point that has to run, and start its trial; None if there is none left."""
        with _locked(self._run_dir):  # no point is handed out twice
            for draw in self._known():
                point = self._read(draw)
                if not self._is_due(point):
                    continue
                try:
                    lock = lock_file(point.folder / ".point.lock")
                except LockedElsewhere:
                    continue
                for stale in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                    if stale.params == draw:
                        self._study.tell(stale.number, state=TrialState.FAIL)
                self._study.enqueue_trial(draw)
                return point, self._study.ask(dict(self._sweep.spaces)), lock
            for _ in range(MAX_REPEATS if len(self._known()) < self.total else 0):  # bayes
                known, trial = self._known(), self._study.ask(dict(self._sweep.spaces))
                if trial.params not in known:
                    point = self._read(trial.params)
                    return point, trial, lock_file(point.folder / ".point.lock")
                self._study.tell(trial, state=TrialState.FAIL)
        return None

    def finish(self, point: Point, trial: optuna.Trial, error: str | None, seconds: float) -> None:
        """Note how a point ended; Bayesian search fails without its metric."""
        metric = _logged(point.folder, self._sweep.metric) if self._sweep.metric else None
        is_measured = metric is not None and not math.isnan(metric)
        if error is None and self._sweep.method == "bayes" and not is_measured:
            error = f"its logs hold no {self._sweep.metric}, which bayes needs; add a CSVLogger"
        if error is None and is_measured:
            self._study.tell(trial, metric)
        else:  # Optuna has no state for a success without a value: it counts as pruned
            self._study.tell(trial, state=TrialState.FAIL if error else TrialState.PRUNED)
        point.record = {"values": point.values, "command": self._command, "error": error}
        point.record |= {"seconds": round(seconds, 1), "ended": time.time()}
        point.record["is_others"] = point.is_others
        point.record["metric"] = metric if is_measured else None
        write_atomic(point.folder / _POINT_NAME, json.dumps(point.record, indent=1) + "\n")

    def ended(self, with_failed: bool = False) -> list[Point]:
        """The points that are done, also those that failed if that is wanted."""
        points = map(self._read, self._known())
        return [each for each in points if each.record and (with_failed or not each.error)]

    def _known(self) -> list[Draw]:
        """All points that are chosen, or were drawn so far, in their order."""
        if self._draws is not None:
            return self._draws
        drawn: list[Draw] = []
        for trial in self._study.get_trials(deepcopy=False):
            if len(trial.params) == len(self._sweep.spaces) and trial.params not in drawn:
                drawn.append(trial.params)
        return drawn

    def _read(self, draw: Draw) -> Point:
        values = self._sweep.values(draw)
        point = Point(self._run_dir / point_name(self._sweep, values), values)
        record = point.folder / _POINT_NAME
        if record.is_file():
            point.record = json.loads(record.read_text("utf-8"))
            for name, now in (("command", self._command), ("values", values)):
                if point.record[name] != now:
                    raise ValueError(
                        f"{point.folder} is a point whose {name} was {point.record[name]}, now "
                        f"{now}; give another --run_dir, or delete it"
                    )
        return point

    def _is_due(self, point: Point) -> bool:
        """Whether a point has not run, or failed before this process began: then once more."""
        if not point.error:
            return not point.record
        return bool(point.record["ended"] < self._started)


@contextmanager
def _locked(run_dir: Path) -> Iterator[None]:
    """Keep the folder's other processes waiting."""
    lock = lock_file(run_dir / "study.lock", wait=True)
    try:
        yield
    finally:
        lock.release()


def _run(sweep: SweepFile, point: Point, extra: Sequence[str]) -> str | None:
    folder, found = point.folder, (*_OF_A_RUN, LOG_NAME)
    begun = [name for name in found if (folder / name).is_file()]
    # What no sweep began stays: its command refuses it, or goes on with it.
    point.is_others = point.record.get("is_others", bool(begun) and LOG_NAME not in begun)
    for name in (_POINT_NAME, *(["result.json"] if not point.is_others else [])):
        (folder / name).unlink(missing_ok=True)  # of an earlier attempt
    if point.record and "fit.yaml" in begun and not point.is_others:
        extra = [*extra, "--overwrite=true"]  # what was interrupted has no record, and goes on
    words = point_arguments(sweep.command, point.values, point.folder, extra)
    command = [sys.executable, "-m", "arseg_lightning", *words]
    return run_program(command, point.folder / LOG_NAME)


def _logged(run_dir: Path, name: str) -> float | None:
    """The last value of a metric in the newest CSV log of a run that holds it."""
    logs = sorted(run_dir.rglob("metrics.csv"), key=lambda path: path.stat().st_mtime_ns)
    for path in reversed(logs):
        with path.open(encoding="utf-8", newline="") as file:
            values = [row[name] for row in csv.DictReader(file) if row.get(name)]
        if values:
            return float(values[-1])
    return None
