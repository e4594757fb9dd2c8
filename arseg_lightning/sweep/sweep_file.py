"""Sweep files in W&B's format, with their parameters as Optuna's distributions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from yaml import YAMLError  # type: ignore[import-untyped]  # what OmegaConf reads with

__all__ = ["VALUES_MACRO", "SweepFile", "Values", "read_sweep"]

Values = dict[str, Any]
"""What one point sets, by dotted key."""

VALUES_MACRO = "${args_json_file}"
"""W&B's word for the file of a point's values."""

_METHODS = ("grid", "random", "bayes")
_KEYS = {
    *("program", "command", "method", "metric", "parameters", "run_cap"),
    *("name", "description", "project", "entity"),
}
_VERBS = {"fit", "validate", "test"}
_EXAMPLE = (
    '["${env}", "${interpreter}", -m, arseg_lightning, fit, --config, EXPERIMENT, --config, '
    '"${args_json_file}"]'
)


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep, as its file describes it."""

    path: Path
    method: str  # grid, random or bayes
    spaces: Mapping[str, BaseDistribution]  # by dotted key, in the order of the file
    command: tuple[str, ...]  # with W&B's macros
    count: int | None = None  # of points, at most; W&B's run_cap
    metric: str | None = None
    maximize: bool = False

    def values(self, drawn: Mapping[str, Any]) -> Values:
        """The values that Optuna's draws stand for: of choices, the JSON."""
        return {
            key: json.loads(drawn[key]) if isinstance(drawn[key], str) else drawn[key]
            for key in self.spaces
        }


def read_sweep(path: Path) -> SweepFile:
    """Read and check a sweep file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is none, or asks for what cannot be done here.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no sweep file {path}; give one such as those in experiments/sweeps"
        )
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("parameters"), dict):
        raise ValueError(
            f"{path} is no sweep file: it has no parameters; the files in experiments/sweeps show "
            f"the format"
        )
    try:
        return _checked(path, {str(key): value for key, value in content.items()})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _checked(path: Path, content: dict[str, Any]) -> SweepFile:
    if unknown := sorted(set(content) - _KEYS):
        raise ValueError(
            f"{', '.join(unknown)} is not done here; take it away, or run the file with "
            f"`wandb sweep` (here: {', '.join(sorted(_KEYS))})"
        )
    method, count, metric = content.get("method"), content.get("run_cap"), content.get("metric", {})
    if method not in _METHODS:
        raise ValueError(f"method is {method}, but sweeps here are {', '.join(_METHODS)}")
    if count is not None and (not isinstance(count, int) or count < 1):
        raise ValueError(f"run_cap is {count}; give a whole number of at least 1")
    goal = metric.get("goal", "minimize") if isinstance(metric, dict) else None
    if goal not in ("minimize", "maximize") or (method == "bayes" and "name" not in metric):
        raise ValueError(
            f"metric is {metric}; give what {method} looks at: {{name: val/miou, goal: maximize}}"
        )
    spaces = {str(key): _space(key, given) for key, given in content["parameters"].items()}
    for key, space in spaces.items():
        if method == "grid" and not isinstance(space, CategoricalDistribution):
            raise ValueError(
                f"parameter {key} is a range, and a grid needs `values`; give those, or use "
                f"method: random"
            )
    command = _checked_command(content.get("command"))
    return SweepFile(path, method, spaces, command, count, metric.get("name"), goal == "maximize")


def _space(key: str, settings: Any) -> BaseDistribution:
    """Optuna's counterpart of a parameter; without a distribution, its settings imply one."""
    given = dict(settings) if isinstance(settings, dict) else {}
    kind = given.pop("distribution", None)
    names, values = set(given), given.get("values")
    if names == {"value"}:
        return _choices([given["value"]])
    if names == {"values"} and isinstance(values, list) and values:
        return _choices(values)
    low, high = (given.get(name, math.nan) for name in ("min", "max"))
    # By type: true is an int, but no number here.
    if names == {"min", "max"} and {type(low), type(high)} <= {int, float}:
        is_whole = isinstance(low, int) and isinstance(high, int)
        kind = kind or ("int_uniform" if is_whole else "uniform")
        with suppress(ValueError):  # Optuna's checks: min at most max, logarithms of positive ones
            if kind == "int_uniform" and is_whole:
                return IntDistribution(low, high)
            if kind in ("uniform", "log_uniform_values"):
                return FloatDistribution(low, high, log=kind == "log_uniform_values")
    raise ValueError(
        f"parameter {key} is {settings}; give `value: …`, `values: […]`, or numbers min and max "
        f"(min at most max), where distribution may be int_uniform, uniform, or log_uniform_values "
        f"(positive); W&B's others need `wandb sweep`"
    )


def _choices(values: list[Any]) -> CategoricalDistribution:
    # As JSON: a study keeps no lists, and takes 1, 1.0 and true for the same.
    return CategoricalDistribution([*dict.fromkeys(map(json.dumps, values))])


def _checked_command(command: Any) -> tuple[str, ...]:
    """A sweep's command, if it is one of ours that takes a point's values as a file."""
    words = tuple(map(str, command)) if isinstance(command, list) else ()
    verbs = [after for word, after in pairwise(words) if word == "arseg_lightning"]
    values = [before for before, word in pairwise(words) if word.startswith("${args")]
    is_ours = ("-m", "arseg_lightning") in pairwise(words) and {*verbs} <= _VERBS
    if is_ours and values == ["--config"] and VALUES_MACRO in words:
        return words
    raise ValueError(
        f"command is {command}, but has to run fit, validate or test and take the values from "
        f"--config {VALUES_MACRO} (${{args}} would make text of them: None of null), such as "
        f"{_EXAMPLE}"
    )
