"""Reads a sweep file in W&B's format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.distributions import BaseDistribution
from yaml import YAMLError  # type: ignore[import-untyped]  # what OmegaConf reads with

from arseg_lightning.sweep.parameter import Parameter

__all__ = ["VALUES_MACRO", "SweepFile", "Values", "read_sweep"]

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


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep, as its file says it."""

    path: Path
    method: str  # grid, random or bayes
    parameters: tuple[Parameter, ...]  # in the order of the file
    command: tuple[str, ...]  # with W&B's macros
    count: int | None = None  # of points, at most; W&B's run_cap
    metric: str | None = None
    maximize: bool = False
    early_terminate: bool = False

    def space(self) -> dict[str, BaseDistribution]:
        """What Optuna draws from, by key."""
        return {each.key: each.space(self.method == "grid") for each in self.parameters}

    def values(self, drawn: Mapping[str, Any]) -> Values:
        """The values that draws from :meth:`space` stand for."""
        return {each.key: each.value(drawn[each.key]) for each in self.parameters}


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
    """The sweep that a file describes."""
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
    parameters = tuple(_parameters(groups, ""))
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


def _parameters(content: Mapping[Any, Any], prefix: str) -> Iterator[Parameter]:
    """The parameters, those of nested groups by their dotted keys."""
    for name, settings in content.items():
        key = f"{prefix}{name}"
        if not isinstance(settings, dict):
            raise ValueError(
                f"parameter {key} is {settings!r}; write `value: {settings}` or `values: […]` "
                f"below it"
            )
        if isinstance(settings.get("parameters"), dict):
            yield from _parameters(settings["parameters"], f"{key}.")
        else:
            own = {name: value for name, value in settings.items() if name != "distribution"}
            yield Parameter(key, str(settings.get("distribution") or _implied(key, own)), own)


def _implied(key: str, settings: dict[str, Any]) -> str:
    """The distribution that the settings imply, as in W&B."""
    if "values" in settings:
        return "categorical"
    if "value" in settings:
        return "constant"
    if {"min", "max"} <= set(settings):
        whole = all(isinstance(settings[name], int) for name in ("min", "max"))
        return "int_uniform" if whole else "uniform"
    raise ValueError(
        f"parameter {key} says nothing about its values; give value, values, or min and max"
    )


def _checked_command(command: Any) -> tuple[str, ...]:
    """Hold a sweep's command to be one of ours that takes a point's values as a file."""
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
