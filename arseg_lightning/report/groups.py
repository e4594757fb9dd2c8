"""Runs that differ only in the seed become one row: a mean and a spread."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arseg_lightning.report.collect import Run, without_seed
from arseg_lightning.report.recipe import Recipe, recipe_of

__all__ = ["RunGroup", "Spread", "group_runs", "look_up", "settings"]

_OF_TRAINER = (
    *("max_epochs", "max_steps", "precision", "accumulate_grad_batches", "gradient_clip_val"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"),
)
"""What of the trainer's configuration can change a result; the rest is where and how it ran."""

_OF_MACHINE = ("store", "num_workers")


@dataclass(frozen=True, slots=True)
class Spread:
    """Some values in one figure.

    Args:
        mean: Their mean; NaN without values.
        deviation: Their sample standard deviation; NaN for fewer than two.
        count: How many they are.
    """

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise values, NaN left out."""
        known = [value for value in values if not math.isnan(value)]
        return cls(
            mean=statistics.fmean(known) if known else math.nan,
            deviation=statistics.stdev(known) if len(known) > 1 else math.nan,
            count=len(known),
        )


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that are one row of a table.

    Args:
        name: The row's name.
        runs: At least one.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def seeds(self) -> int:
        """Number of different seeds; a run without one counts as having its own."""
        known = {run.seed for run in self.runs if run.seed is not None}
        return len(known) + sum(run.seed is None for run in self.runs)

    @property
    def recipe(self) -> Recipe | None:
        """What its own method is, if the configurations tell, and the same for all runs."""
        recipes = {recipe_of(run.result, run.own.name) for run in self.runs}
        return recipes.pop() if len(recipes) == 1 else None

    def spread(self, figure: Callable[[Run], float]) -> Spread:
        """Mean and spread of a figure over the runs."""
        return Spread.of(figure(run) for run in self.runs)


def group_runs(runs: Sequence[Run], keys: Sequence[str] = ()) -> list[RunGroup]:
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
        values = {key: look_up(run.config, key) for key in keys}
        groups.setdefault(_text(values) if keys else settings(run), []).append(run)
    return [RunGroup(_name(members, keys), tuple(members)) for members in groups.values()]


def look_up(config: Mapping[str, Any], key: str) -> Any:
    """Find a value in a configuration by its dotted key; None if it is not there."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping):
            return None
        if part not in value and isinstance(value.get("init_args"), Mapping):
            value = value["init_args"]
        value = value.get(part)
    return value


def settings(run: Run) -> str:
    """All that can make a run's result differ from another's, without the seed, as text."""
    config, result = run.config, run.result
    trainer = config.get("trainer") or {}
    return _text(
        {
            "model": _seedless(config.get("model")),
            "data": _seedless(config.get("data")),
            "trainer": {key: trainer.get(key) for key in _OF_TRAINER},
            "weights": _seedless(config.get("ckpt_path")),
            "result": [result.data, result.size, result.keyframe_interval, run.own.name],
            "name": None if config else run.name,
        }
    )


def _seedless(value: Any) -> Any:
    """Leave out seeds, also in paths, and what describes the machine."""
    if isinstance(value, Mapping):
        kept = (key for key in value if key != "seed" and key not in _OF_MACHINE)
        return {key: _seedless(value[key]) for key in kept}
    if isinstance(value, list | tuple):
        return [_seedless(entry) for entry in value]
    return without_seed(value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _name(members: Sequence[Run], keys: Sequence[str]) -> str:
    if keys:
        parts = ((key.rpartition(".")[2], look_up(members[0].config, key)) for key in keys)
        return ", ".join(f"{key} {value}" for key, value in parts)
    names = list(dict.fromkeys(run.name for run in members))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
