"""Sweep files in W&B's format, with their parameters as Optuna's distributions."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from yaml import YAMLError  # type: ignore[import-untyped]  # what OmegaConf reads with

__all__ = ["VALUES_MACRO", "Parameter", "SweepFile", "Values", "distribution", "read_sweep"]

Values = dict[str, Any]
"""What one point sets, by dotted key."""

VALUES_MACRO = "${args_json_file}"
"""W&B's word for the file of a point's values."""

_METHODS = ("grid", "random", "bayes")
_KEYS = {
    *("program", "command", "method", "metric", "parameters", "run_cap", "early_terminate"),
    *("name", "description", "project", "entity"),
}
_VERBS = {"fit", "validate", "test"}
_HEADS = {"${env}", "/usr/bin/env", "${interpreter}", "${program}", "python", "python3"}
_EXAMPLE = (
    '["${env}", "${interpreter}", -m, arseg_lightning, fit, --config, EXPERIMENT, --config, '
    '"${args_json_file}"]'
)
_LIMITS = "min and max, numbers with min at most max"
# W&B's distributions that Optuna has too: their settings, and the rule that these follow.
_SETTINGS: dict[str, tuple[set[str], str]] = {
    "constant": ({"value"}, "value"),
    "categorical": ({"values"}, "values, a list with at least one entry"),
    "int_uniform": ({"min", "max"}, _LIMITS.replace("numbers", "whole numbers")),
    "uniform": ({"min", "max"}, _LIMITS),
    "q_uniform": ({"min", "max", "q"}, f"{_LIMITS}, and q, a positive step"),
    "log_uniform": ({"min", "max"}, f"{_LIMITS}, the natural logarithms of the values"),
    "log_uniform_values": ({"min", "max"}, f"{_LIMITS}, both positive"),
}


class Parameter(NamedTuple):
    """One key of the configuration that a sweep sets."""

    key: str  # dotted
    distribution: str  # in the words of W&B
    space: BaseDistribution


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep, as its file describes it."""

    path: Path
    method: str  # grid, random or bayes
    parameters: tuple[Parameter, ...]  # in the order of the file
    command: tuple[str, ...]  # with W&B's macros
    count: int | None = None  # of points, at most; W&B's run_cap
    metric: str | None = None
    maximize: bool = False
    early_terminate: bool = False

    def values(self, drawn: Mapping[str, Any]) -> Values:
        """The values that Optuna's draws stand for."""
        return {
            key: json.loads(drawn[key]) if isinstance(drawn[key], str) else _rounded(drawn[key])
            for key, *_ in self.parameters
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
    if not isinstance(content, dict) or "parameters" not in content:
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
        raise ValueError(f"{', '.join(unknown)} is no key of a sweep file; use {sorted(_KEYS)}")
    method = content.get("method")
    if method not in _METHODS:
        raise ValueError(f"method is {method}, but sweeps here are {', '.join(_METHODS)}")
    count = content.get("run_cap")
    if count is not None and (not isinstance(count, int) or count < 1):
        raise ValueError(f"run_cap is {count}; give a whole number of at least 1")
    metric = content.get("metric") or {}
    goal = metric.get("goal", "minimize") if isinstance(metric, dict) else None
    if goal not in ("minimize", "maximize"):
        raise ValueError(f"metric is {metric}; give a name, and minimize or maximize as its goal")
    if method == "bayes" and "name" not in metric:
        raise ValueError("method bayes looks for the best metric; give metric: {name: val/miou, …}")
    groups = content["parameters"]
    if not isinstance(groups, dict) or not groups:
        raise ValueError(f"parameters is {groups!r}; give at least one, by its dotted key")
    parameters = tuple(_parameters(groups, "", method == "grid"))
    keys = Counter(parameter.key for parameter in parameters)
    if twice := [key for key, times in keys.items() if times > 1]:
        raise ValueError(f"parameter {', '.join(twice)} is given twice; keep one")
    return SweepFile(
        path=path,
        method=method,
        parameters=parameters,
        command=_checked_command(content.get("command")),
        count=count,
        metric=metric.get("name"),
        maximize=goal == "maximize",
        early_terminate="early_terminate" in content,
    )


def _parameters(content: Mapping[Any, Any], prefix: str, as_grid: bool) -> Iterator[Parameter]:
    """The parameters, those of nested groups by their dotted keys."""
    for name, settings in content.items():
        key = f"{prefix}{name}"
        if not isinstance(settings, dict):
            raise ValueError(
                f"parameter {key} is {settings!r}; write `value: {settings}` or `values: […]` "
                f"below it"
            )
        if isinstance(settings.get("parameters"), dict):
            yield from _parameters(settings["parameters"], f"{key}.", as_grid)
            continue
        settings = dict(settings)
        kind = settings.pop("distribution", None)
        if kind is None:  # the settings imply it, as in W&B
            if "values" in settings:
                kind = "categorical"
            elif "value" in settings:
                kind = "constant"
            elif {"min", "max"} <= set(settings):
                whole = all(isinstance(settings[name], int) for name in ("min", "max"))
                kind = "int_uniform" if whole else "uniform"
            else:
                raise ValueError(
                    f"parameter {key} says nothing about its values; give value, values, or min "
                    f"and max"
                )
        yield Parameter(key, str(kind), distribution(key, str(kind), settings, as_grid))


def distribution(
    key: str, kind: str, settings: Mapping[str, Any], as_grid: bool = False
) -> BaseDistribution:
    """Optuna's counterpart of one of W&B's distributions; ``as_grid`` lists its values in order.

    Raises:
        ValueError: If there is none, the settings do not describe one, or a grid of it has no end.
    """
    if kind not in _SETTINGS:
        raise ValueError(
            f"parameter {key} has distribution {kind}, which is not known here; use one of "
            f"{', '.join(_SETTINGS)}"
        )
    names, rule = _SETTINGS[kind]
    try:
        if set(settings) != names:
            raise ValueError
        space = _space(kind, settings)
    except (ValueError, TypeError):  # Optuna's own checks of the numbers included
        raise ValueError(f"parameter {key} has {dict(settings)}, but {kind} takes {rule}") from None
    if not as_grid or isinstance(space, CategoricalDistribution):
        return space
    assert isinstance(space, IntDistribution | FloatDistribution)
    if space.step is None:
        raise ValueError(
            f"parameter {key} is drawn from {kind}, and a grid needs values that can be counted; "
            f"give `values`, or use method: random"
        )
    last = round((space.high - space.low) / space.step)
    return _choices([_rounded(space.low + n * space.step) for n in range(last + 1)])


def _space(kind: str, settings: Mapping[str, Any]) -> BaseDistribution:
    if any(isinstance(settings.get(name), bool) for name in ("min", "max", "q")):
        raise TypeError
    match kind, settings:
        case "constant", {"value": value}:
            return _choices([value])
        case "categorical", {"values": list(values)}:
            return _choices(values)
        case "int_uniform", {"min": int(low), "max": int(high)}:
            return IntDistribution(low, high)
        case "uniform", {"min": low, "max": high}:
            return FloatDistribution(low, high)
        case "log_uniform", {"min": low, "max": high}:
            return FloatDistribution(math.exp(low), math.exp(high), log=True)
        case "log_uniform_values", {"min": low, "max": high}:
            return FloatDistribution(low, high, log=True)
        case "q_uniform", {"min": low, "max": high, "q": step} if step > 0:
            low, high = (_rounded(round(limit / step) * step) for limit in (low, high))
            if all(isinstance(number, int) for number in (low, high, step)):
                return IntDistribution(int(low), int(high), step=step)
            return FloatDistribution(low, high, step=step)
    raise ValueError


def _choices(values: list[Any]) -> CategoricalDistribution:
    # As JSON: a study keeps no lists, and takes 1, 1.0 and true for the same.
    return CategoricalDistribution([*dict.fromkeys(map(json.dumps, values))])


def _rounded(number: float) -> float:
    """A number as one would write it: three times 0.1 is 0.3."""
    return number if isinstance(number, int) else float(f"{number:.12g}")


def _checked_command(command: Any) -> tuple[str, ...]:
    """A sweep's command, if it is one of ours that takes a point's values as a file."""
    words = tuple(str(word) for word in command) if isinstance(command, list) else ()
    ours = words.index("arseg_lightning") if "arseg_lightning" in words else 0
    is_ours = words[ours - 1 : ours] == ("-m",) and not set(words[: ours - 1]) - _HEADS
    has_values = ("--config", VALUES_MACRO) in pairwise(words)
    as_text = any(word.startswith("${args") and word != VALUES_MACRO for word in words)
    if is_ours and has_values and not as_text and set(words[ours + 1 : ours + 2]) <= _VERBS:
        return words
    raise ValueError(
        f"command is {command}, but has to run fit, validate or test and take the values from "
        f"{VALUES_MACRO} (${{args}} would make text of them: None of null), such as {_EXAMPLE}"
    )
