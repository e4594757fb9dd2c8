"""Runs that differ only in the seed as one row, and the baselines that runs have in common."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from arseg_lightning.report.collect import Run, without_seed
from arseg_lightning.report.result import MethodResult

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Row", "group_runs", "look_up", "settings", "spread", "with_baselines"]

_OF_TRAINER = (
    *("max_epochs", "max_steps", "precision", "accumulate_grad_batches", "gradient_clip_val"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"),
)
"""What of the trainer's configuration can change a result; the rest is where and how it ran."""

_WITHOUT_EFFECT = ("seed", "store", "num_workers")


@dataclass(frozen=True, slots=True)
class Row:
    """One method in runs that differ only in the seed, or that have it as a baseline.

    Args:
        name: Name of the runs.
        runs: At least one.
        measured: The method's result of each run; of a baseline, each different one.
    """

    name: str
    runs: tuple[Run, ...]
    measured: tuple[MethodResult, ...]

    @property
    def first(self) -> Run:
        """The run that stands for what all have in common."""
        return self.runs[0]

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.measured[0].name

    @property
    def is_own(self) -> bool:
        """Whether the runs are about this method."""
        return self.method == self.first.own.name

    @property
    def label(self) -> str:
        """A name for legends: the run's if it is about this method, or else the method's."""
        return self.name if self.is_own else self.method

    @property
    def tested_on(self) -> str:
        """Data and size."""
        return self.first.result.tested_on

    @property
    def network(self) -> str | None:
        """Class of the network, if the configuration tells."""
        for key in ("model.network", "model.method.network"):
            if network := look_up(self.first.config, key):
                path = network if isinstance(network, str) else network.get("class_path", "")
                return str(path).rpartition(".")[2]
        return None

    @property
    def seeds(self) -> int:
        """Number of different seeds (a run without one has its own); of a baseline, of weights."""
        known = {run.seed for run in self.runs if run.seed is not None}
        seeds = len(known) + sum(run.seed is None for run in self.runs)
        return seeds if self.is_own else len(self.measured)

    @property
    def gmacs(self) -> float:
        """Cost per frame."""
        return float(self.spread(lambda method: method.mean_gmacs).mean())

    @property
    def miou(self) -> pd.Series[float]:
        """Mean over distances, in [0, 1]."""
        return self.spread(lambda method: method.accuracy.miou_mean)

    @property
    def pooled(self) -> pd.Series[float]:
        """Mean IoU over all frames."""
        return self.spread(lambda method: method.accuracy.miou_pooled)

    @property
    def at_distance(self) -> list[pd.Series[float]]:
        """MIoU at each distance; empty for a method that has one value for all frames."""
        columns = zip_longest(*(each.at_distance for each in self.measured), fillvalue=math.nan)
        return [spread(values) for values in columns]

    def spread(self, figure: Callable[[MethodResult], float]) -> pd.Series[float]:
        """The values of a figure."""
        return spread(figure(method) for method in self.measured)

    def covers(self, other: Row) -> bool:
        """Whether it has all measurements of another row of the same method."""
        mine, others = (set(map(_fingerprint, row.measured)) for row in (self, other))
        return self.method == other.method and others <= mine


def spread(values: Any) -> pd.Series[float]:
    """Values over seeds; ``mean``, ``std`` and ``count`` leave out those that are not known."""
    import pandas as pd

    return pd.Series(list(values), dtype=float)


def group_runs(runs: Sequence[Run], keys: Sequence[str] = ()) -> list[Row]:
    """Put runs together that differ only in the seed, or that agree in some keys.

    Args:
        runs: The runs.
        keys: Dotted keys of the configuration, such as ``data.keyframe_interval``; runs with the
            same values become a row, whatever else they differ in. ``init_args`` may be left out.

    Raises:
        ValueError: If no run has a key.
    """
    for key in keys:
        if all(look_up(run.config, key) is None for run in runs):
            raise ValueError(
                f"no run has {key!r} in its configuration; name a key of a run's fit.yaml, such "
                f"as data.keyframe_interval or model.resolution_ratio"
            )
    groups: dict[str, list[Run]] = {}
    for run in runs:
        parts = ((key.rpartition(".")[2], look_up(run.config, key)) for key in keys)
        name = ", ".join(f"{key} {value}" for key, value in parts)
        groups.setdefault(name or settings(run), []).append(run)
    rows = []
    for text, members in groups.items():
        names = list(dict.fromkeys(run.name for run in members))
        name = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        own = tuple(run.own for run in members)
        rows.append(Row(text if keys else name, tuple(members), own))
    return rows


def with_baselines(rows: Sequence[Row]) -> list[Row]:
    """Put the baselines that runs were compared with before what the runs are about.

    A baseline that several runs have from the same weights is listed once: its figures are equal
    to the last digit.
    """
    baselines: list[Row] = []
    for row in rows:
        for name in [method.name for method in row.first.result.methods[:-1]]:
            found = [method for run in row.runs if (method := run.method(name)) is not None]
            different = {_fingerprint(method): method for method in found}
            baseline = Row(row.name, row.runs, tuple(different.values()))
            # More runs may come with more of a baseline's weights, and with those known already.
            if not any(other.covers(baseline) for other in (*rows, *baselines)):
                baselines = [other for other in baselines if not baseline.covers(other)]
                baselines.append(baseline)
    return [*sorted(baselines, key=lambda row: -row.gmacs), *rows]


def look_up(config: Mapping[str, Any], key: str) -> Any:
    """Find a value in a configuration by its dotted key; None if it is not there."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping):
            return None
        # Whoever names a key need not know which parts are classes of their own.
        if part not in value and isinstance(value.get("init_args"), Mapping):
            value = value["init_args"]
        value = value.get(part)
    return value


def settings(run: Run, but: Collection[str] = ()) -> str:
    """All that can make a run's result differ from another's, without the seed, as text.

    Args:
        run: The run.
        but: Names, anywhere in the configuration, of what is left out too.
    """
    config, result = run.config, run.result
    trainer = config.get("trainer") or {}
    found = {
        "model": config.get("model"),
        "data": config.get("data"),
        "trainer": {key: trainer.get(key) for key in _OF_TRAINER},
        "ckpt_path": config.get("ckpt_path"),
        "tested": [result.data, result.size],
        "keyframe_interval": result.keyframe_interval,
        "own": run.own.name,
        "name": None if config else run.name,
    }
    return json.dumps(_pruned(found, {*_WITHOUT_EFFECT, *but}), sort_keys=True, default=str)


def _pruned(value: Any, unwanted: set[str]) -> Any:
    """Leave out keys, and what names a seed in texts."""
    if isinstance(value, Mapping):
        return {key: _pruned(value[key], unwanted) for key in value if key not in unwanted}
    if isinstance(value, list | tuple):
        return [_pruned(entry, unwanted) for entry in value]
    return without_seed(value) if isinstance(value, str) else value


def _fingerprint(method: MethodResult) -> str:
    """What two measurements by the same weights share, whatever the keyframe interval."""
    return f"{method.mean_gmacs:.6f} {method.accuracy.miou_pooled:.6f}"
