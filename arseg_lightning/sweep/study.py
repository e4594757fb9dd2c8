"""A sweep's points as trials of an Optuna study, which processes share through its SQLite file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import optuna
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from arseg_lightning.files import LockedElsewhere, lock_file
from arseg_lightning.report.sweep_index import INDEX_NAME, PointStatus, SweepIndex, SweepPoint
from arseg_lightning.sweep.points import (
    MAX_REPEATS,
    VALUES_NAME,
    choose_points,
    identity,
    point_name,
)
from arseg_lightning.sweep.sweep_file import SweepFile

__all__ = ["SweepStudy"]

_SECONDS_FOR_OTHERS = 60  # to write: SQLite's own five are few on a shared disk

_Known = dict[str, tuple[optuna.Study, FrozenTrial]]
"""The newest trial of each point and the study that it is in, by the point's identity."""


class SweepStudy:
    """The points of a sweep, handed out one by one to all processes that work on its folder.

    ``optuna-dashboard sqlite:///FOLDER/study.db`` shows them. Optuna's search spaces are fixed: a
    changed sweep file has another study in the same SQLite file, and the points of all count.

    Args: as for :func:`~arseg_lightning.sweep.run_sweep`.

    Raises:
        ValueError: If the folder holds a sweep with another command, or it is not said how many
            points are to be drawn.
    """

    def __init__(
        self, sweep: SweepFile, run_dir: Path, count: int | None, seed: int, extra: tuple[str, ...]
    ) -> None:
        count = sweep.count if count is None else count
        if count is not None and count < 1:
            raise ValueError(f"count is {count}; give at least 1")
        if count is None and sweep.method != "grid":
            raise ValueError(
                f"{sweep.path} has method {sweep.method}, which has no end; say how many points "
                f"with --count N, or with run_cap: N in the file"
            )
        self._sweep, self._run_dir = sweep, run_dir
        self._space = {each.key: each.space for each in sweep.parameters}
        self._command, self._started = (*sweep.command, *extra), datetime.now()
        draws = [] if sweep.method == "bayes" else choose_points(sweep, count, seed)
        self._chosen = {identity(sweep.values(drawn)): drawn for drawn in draws}
        self.total = len(self._chosen) or count or 0
        self._runner = uuid4().hex[:8]
        # Held until this process ends, however that ends: by it, others know that it is alive.
        self._lock = lock_file(self._lock_of(self._runner))
        with self._alone():
            self._storage = optuna.storages.RDBStorage(
                f"sqlite:///{run_dir / 'study.db'}",
                engine_kwargs={"connect_args": {"timeout": _SECONDS_FOR_OTHERS}},
            )
            for other in optuna.get_all_study_summaries(self._storage):
                before = tuple(other.user_attrs["command"])
                if before != self._command:
                    raise ValueError(
                        f"{run_dir} holds a sweep whose command was `{' '.join(before)}`, now it "
                        f"is `{' '.join(self._command)}`; give another --run_dir, or delete "
                        f"{run_dir}"
                    )
            space = [(key, distribution_to_json(each)) for key, each in self._space.items()]
            digest = sha256(json.dumps([space, sweep.metric, sweep.maximize]).encode()).hexdigest()
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=f"{sweep.path.stem}-{digest[:8]}",
                direction="maximize" if sweep.maximize else "minimize",
                load_if_exists=True,
            )
            self._study.set_user_attr("command", self._command)
            # The same seed would draw the same points again in each process.
            trials = len(self._study.get_trials(deepcopy=False))
            self._study.sampler = optuna.samplers.TPESampler(seed=seed + trials)

    def close(self) -> None:
        """Let others take over what this process has not finished."""
        self._storage.remove_session()
        self._storage.engine.dispose()
        self._lock_of(self._runner).unlink(missing_ok=True)
        self._lock.release()

    def claim(self) -> tuple[optuna.Trial, SweepPoint] | None:
        """Start a trial for the next point that has to run; None if there is none left.

        The point is ``interrupted`` if it was running in a process that is gone, else ``waiting``.
        """
        with self._alone():
            known = self._known()
            points = self._points(known)
            for point in points:
                if point.status not in ("waiting", "interrupted"):
                    continue
                key = identity(point.values)
                if point.status == "interrupted":
                    study, stale = known[key]
                    study.tell(stale.number, state=TrialState.FAIL)
                self._study.enqueue_trial(self._chosen.get(key) or known[key][1].params)
                return self._begun(self._study.ask(self._space), point)
            for _ in range(MAX_REPEATS if len(points) < self.total else 0):  # bayes
                trial = self._study.ask(self._space)
                values = self._sweep.values(trial.params)
                if identity(values) not in known:
                    name = point_name(self._sweep, values, _folders(known))
                    return self._begun(trial, SweepPoint(values, name))
                self._study.tell(trial, state=TrialState.FAIL)
        return None

    def _begun(self, trial: optuna.Trial, point: SweepPoint) -> tuple[optuna.Trial, SweepPoint]:
        """Note in a trial which point it is, and which process runs it."""
        trial.set_user_attr("values", point.values)
        trial.set_user_attr("run_dir", point.run_dir)
        trial.set_user_attr("runner", self._runner)  # last: by it, the trial counts
        return trial, point

    def finish(
        self, trial: optuna.Trial, error: str | None, seconds: float, metric: float | None
    ) -> str | None:
        """Note how a point ended; returns its error, also if only the metric is missing."""
        is_measured = metric is not None and not math.isnan(metric)
        if error is None and self._sweep.method == "bayes" and not is_measured:
            error = f"its logs hold no {self._sweep.metric}, which bayes needs; add a CSVLogger"
        trial.set_user_attr("seconds", round(seconds, 1))
        trial.set_user_attr("error", error)
        if error is None and is_measured:
            self._study.tell(trial, metric)
        else:  # Optuna has no state for a success without a value: it counts as pruned
            self._study.tell(trial, state=TrialState.FAIL if error else TrialState.PRUNED)
        return error

    def index(self) -> SweepIndex:
        """The state of all points; also written to ``sweep.json``."""
        with self._alone():
            points = tuple(self._points(self._known()))
            index = SweepIndex(str(self._sweep.path), self._sweep.method, points, self._command)
            index.write(self._run_dir / INDEX_NAME)
        return index

    def left_out(self) -> list[Path]:
        """Folders of points that the sweep no longer has."""
        known = self._known()
        kept = {point.run_dir for point in self._points(known)}
        return [self._run_dir / name for name in _folders(known) if name not in kept]

    def _points(self, known: _Known) -> list[SweepPoint]:
        """All points that are chosen, or were drawn so far, in their order."""
        points: list[SweepPoint] = []
        taken = _folders(known)
        drawn = [key for key, (study, _) in known.items() if study is self._study]
        for key in self._chosen or drawn:
            if key in known:
                trial = known[key][1]
                notes = {name: note for name, note in trial.user_attrs.items() if name != "runner"}
                points.append(SweepPoint(status=self._status(trial), metric=trial.value, **notes))
            else:
                values = self._sweep.values(self._chosen[key])
                points.append(SweepPoint(values, point_name(self._sweep, values, taken)))
                taken.append(points[-1].run_dir)
        return points

    def _known(self) -> _Known:
        names = optuna.get_all_study_names(self._storage)
        others = [name for name in names if name != self._study.study_name]
        studies = [optuna.load_study(study_name=name, storage=self._storage) for name in others]
        begun = [
            (study, trial)
            for study in (*studies, self._study)
            for trial in study.get_trials(deepcopy=False)
            if "runner" in trial.user_attrs
        ]
        begun.sort(key=lambda entry: entry[1].datetime_start or self._started)
        return {identity(trial.user_attrs["values"]): (study, trial) for study, trial in begun}

    def _status(self, trial: FrozenTrial) -> PointStatus:
        if trial.state == TrialState.RUNNING:
            lock = self._lock_of(trial.user_attrs["runner"])
            if lock.exists():
                try:
                    lock_file(lock).release()
                except LockedElsewhere:
                    return "running"
                lock.unlink()
            return "interrupted"
        if trial.state == TrialState.FAIL:  # what failed before this process began runs once more
            is_new = trial.datetime_complete and trial.datetime_complete > self._started
            return "failed" if is_new else "waiting"
        values = self._run_dir / trial.user_attrs["run_dir"] / VALUES_NAME
        return "done" if values.is_file() else "waiting"

    def _lock_of(self, runner: str) -> Path:
        return self._run_dir / f"runner-{runner}.lock"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the folder's other processes waiting, so that no point is handed out twice."""
        lock = lock_file(self._run_dir / "study.lock", wait=True)
        try:
            yield
        finally:
            lock.release()


def _folders(known: _Known) -> list[str]:
    return [trial.user_attrs["run_dir"] for _, trial in known.values()]
