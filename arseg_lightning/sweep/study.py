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
from arseg_lightning.sweep.points import VALUES_NAME, choose_points, identity, point_name
from arseg_lightning.sweep.sweep_file import SweepFile

__all__ = ["STUDY_NAME", "SweepStudy"]

STUDY_NAME = "study.db"
"""The studies in a sweep's folder: ``optuna-dashboard sqlite:///FOLDER/study.db``."""

_SECONDS_FOR_OTHERS = 60  # to write: SQLite's own five are few on a shared disk
_MAX_REPEATS = 100  # of points that Bayesian search has drawn before, until there are no others

_Known = dict[str, tuple[optuna.Study, FrozenTrial]]
"""The newest trial of each point and the study that it is in, by the point's identity."""


class SweepStudy:
    """The points of a sweep, handed out one by one to all processes that work on its folder.

    Optuna's search spaces are fixed: a changed sweep file has a study of its own in the same SQLite
    file, and the points of the others count.

    Args:
        sweep: The sweep.
        run_dir: Folder of the sweep.
        count: How many points there are; by default the file's ``run_cap``, or the whole grid.
        seed: Decides which points are drawn.
        extra: More options for the command of each point.

    Raises:
        ValueError: If the folder holds a sweep with another command, it is not said how many points
            are to be drawn, or a grid is not finite.
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
        self._sweep, self._run_dir, self._space = sweep, run_dir, sweep.space()
        self._command, self._started = (*sweep.command, *extra), datetime.now()
        draws = [] if sweep.method == "bayes" else choose_points(sweep, count, seed)
        self._chosen = {identity(sweep.values(drawn)): drawn for drawn in draws}
        self.total = len(self._chosen) or count or 0
        run_dir.mkdir(parents=True, exist_ok=True)
        self._runner = uuid4().hex[:8]
        self._lock = lock_file(self._lock_of(self._runner))
        with self._alone():
            self._storage = optuna.storages.RDBStorage(
                f"sqlite:///{run_dir / STUDY_NAME}",
                engine_kwargs={"connect_args": {"timeout": _SECONDS_FOR_OTHERS}},
            )
            self._study = self._opened(seed)

    def _opened(self, seed: int) -> optuna.Study:
        """This sweep's study, made if it is not there."""
        sweep, folder, command = self._sweep, self._run_dir, self._command
        space = [(key, distribution_to_json(each)) for key, each in self._space.items()]
        digest = sha256(json.dumps([space, sweep.metric, sweep.maximize]).encode()).hexdigest()
        study = optuna.create_study(
            storage=self._storage,
            study_name=f"{sweep.path.stem}-{digest[:8]}",
            direction="maximize" if sweep.maximize else "minimize",
            load_if_exists=True,
        )
        # The same seed would draw the same points again in each process.
        study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.get_trials()))
        for each in optuna.get_all_study_summaries(self._storage):
            before = tuple(each.user_attrs.get("command", command))
            if before != command:
                raise ValueError(
                    f"{folder} holds a sweep whose command was `{' '.join(before)}`, now it is "
                    f"`{' '.join(command)}`; give another --run_dir, or delete {folder}"
                )
        study.set_user_attr("command", command)
        return study

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
            point = next(
                (each for each in points if each.status in ("waiting", "interrupted")), None
            )
            if point is not None:
                key = identity(point.values)
                if point.status == "interrupted":
                    study, stale = known[key]
                    study.tell(stale.number, state=TrialState.FAIL)
                self._study.enqueue_trial(self._chosen.get(key) or known[key][1].params)
                return self._begun(self._study.ask(self._space), point)
            for _ in range(_MAX_REPEATS if len(points) < self.total else 0):
                trial = self._study.ask(self._space)
                values = self._sweep.values(trial.params)
                if identity(values) not in known:
                    name = point_name(self._sweep, values, _folders(known))
                    return self._begun(trial, SweepPoint(values, name))
                self._study.tell(trial, state=TrialState.FAIL)
        return None

    def _begun(self, trial: optuna.Trial, point: SweepPoint) -> tuple[optuna.Trial, SweepPoint]:
        """Write into a trial which point it runs, and who runs it."""
        for name in ("values", "run_dir"):
            trial.set_user_attr(name, getattr(point, name))
        trial.set_user_attr("runner", self._runner)
        return trial, point

    def finish(
        self, trial: optuna.Trial, error: str | None, seconds: float, metric: float | None
    ) -> str | None:
        """Note how a point ended; returns its error, if it was one.

        Args:
            trial: Its trial.
            error: Last line of its error; None if it is done.
            seconds: How long it took.
            metric: What it achieved, if its logs hold that.
        """
        is_measured = metric is not None and not math.isnan(metric)
        if error is None and self._sweep.method == "bayes" and not is_measured:
            error = f"its logs hold no {self._sweep.metric}, which bayes needs; add a CSVLogger"
        trial.set_user_attr("seconds", round(seconds, 1))
        trial.set_user_attr("error", error)
        if error is not None:
            self._study.tell(trial, state=TrialState.FAIL)
        elif is_measured:
            self._study.tell(trial, metric)
        else:  # Optuna has no other state for an end without a value
            self._study.tell(trial, state=TrialState.PRUNED)
        return error

    def index(self) -> SweepIndex:
        """How far all points are; also written to ``sweep.json``."""
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
        own = [key for key, (study, _) in known.items() if study is self._study]
        points: list[SweepPoint] = []
        taken = _folders(known)
        for key in self._chosen or own:
            if key in known:
                trial = known[key][1]
                notes = {name: trial.user_attrs.get(name) for name in ("error", "seconds")}
                values, name = trial.user_attrs["values"], trial.user_attrs["run_dir"]
                status = self._status(trial)
                points.append(SweepPoint(values, name, status, metric=trial.value, **notes))
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
            return "running" if self._is_alive(trial.user_attrs["runner"]) else "interrupted"
        if trial.state == TrialState.FAIL:  # what failed before this process began runs once more
            is_new = trial.datetime_complete and trial.datetime_complete > self._started
            return "failed" if is_new else "waiting"
        values = self._run_dir / trial.user_attrs["run_dir"] / VALUES_NAME
        return "done" if values.is_file() else "waiting"

    def _is_alive(self, runner: str) -> bool:
        """Whether a process still works on the folder: its lock ends with it, however that ends."""
        path = self._lock_of(runner)
        if path.exists():
            try:
                lock_file(path).release()
            except LockedElsewhere:
                return True
            path.unlink()
        return False

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
