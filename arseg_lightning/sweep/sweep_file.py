"""Reads a sweep file in W&B's format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]  # what OmegaConf reads with

from arseg_lightning.sweep.command import check_command
from arseg_lightning.sweep.parameter import Parameter

__all__ = ["SweepFile", "read_sweep"]

_METHODS = ("grid", "random", "bayes")

_KEYS = {
    *("program", "command", "method", "metric", "parameters", "run_cap", "early_terminate"),
    *("name", "description", "project", "entity"),
}
"""What a sweep file of W&B may hold."""


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep, as its file says it.

    Args:
        path: The file.
        method: ``grid``, ``random`` or ``bayes``.
        parameters: What is varied, in the order of the file.
        command: What is run for each point, with W&B's macros.
        count: How many points there are at most (W&B's ``run_cap``); None for no limit.
        metric: Name of what is to become good, if the file names it.
        maximize: Whether more of it is better.
        early_terminate: Whether the file asks W&B to stop bad runs early.
    """

    path: Path
    method: str
    parameters: tuple[Parameter, ...]
    command: tuple[str, ...]
    count: int | None = None
    metric: str | None = None
    maximize: bool = False
    early_terminate: bool = False


def read_sweep(path: Path) -> SweepFile:
    """Read and check a sweep file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is none, or asks for what cannot be done here.
    """
    content = _content(path)
    try:
        return _checked(path, content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _content(path: Path) -> dict[str, Any]:
    """The file as plain types, with its macros as they stand."""
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
    return {str(key): value for key, value in content.items()}


def _checked(path: Path, content: dict[str, Any]) -> SweepFile:
    """The sweep that a file describes."""
    unknown = sorted(set(content) - _KEYS)
    if unknown:
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
    return SweepFile(
        path=path,
        method=method,
        parameters=_parameters(content["parameters"]),
        command=check_command(content.get("command")),
        count=count,
        metric=metric.get("name"),
        maximize=goal == "maximize",
        early_terminate="early_terminate" in content,
    )


def _parameters(content: Any) -> tuple[Parameter, ...]:
    """The parameters, those of nested groups by their dotted keys."""
    if not isinstance(content, dict) or not content:
        raise ValueError(f"parameters is {content!r}; give at least one, by its dotted key")
    parameters = tuple(
        Parameter(key, _distribution(key, settings), _without_name(settings))
        for key, settings in _leaves(content, "")
    )
    keys = [parameter.key for parameter in parameters]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"parameter {', '.join(twice)} is given twice; keep one")
    return parameters


def _leaves(content: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Dotted keys and settings of all parameters."""
    for name, settings in content.items():
        key = f"{prefix}{name}"
        if not isinstance(settings, dict):
            raise ValueError(
                f"parameter {key} is {settings!r}; write `value: {settings}` or `values: […]` "
                f"below it"
            )
        if isinstance(settings.get("parameters"), dict):
            yield from _leaves(settings["parameters"], f"{key}.")
        else:
            yield key, settings


def _distribution(key: str, settings: dict[str, Any]) -> str:
    """The distribution that is named, or the one that the settings imply, as in W&B."""
    if "distribution" in settings:
        return str(settings["distribution"])
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


def _without_name(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "distribution"}
