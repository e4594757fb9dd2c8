"""Sweep files in W&B's format."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]  # what OmegaConf reads with

__all__ = ["VALUES_MACRO", "Range", "SweepFile", "Values", "read_sweep"]

Values = dict[str, Any]
"""What one point sets, by dotted key."""

VALUES_MACRO = "${args_json_file}"
"""W&B's word for the file of a point's values."""

_KEYS = {
    *("program", "command", "method", "metric", "parameters", "run_cap"),
    *("name", "description", "project", "entity"),
}


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, in W&B's distribution ``kind``."""

    low: float
    high: float
    kind: str

    def draw(self, generator: random.Random) -> float:
        """Draw a number."""
        if self.kind == "int_uniform":
            return generator.randint(int(self.low), int(self.high))
        if self.kind == "uniform":
            return generator.uniform(self.low, self.high)
        return math.exp(generator.uniform(math.log(self.low), math.log(self.high)))


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep, as its file describes it."""

    path: Path
    method: str  # grid or random
    spaces: Mapping[str, list[Any] | Range]  # choices or numbers by dotted key, in their order
    command: tuple[str, ...]  # with W&B's macros
    count: int | None = None  # of points, at most; W&B's run_cap
    metric: str | None = None
    maximize: bool = False


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
    method, metric = content.get("method"), content.get("metric", {})
    unknown = sorted(set(content) - _KEYS)
    if unknown or method not in ("grid", "random"):
        raise ValueError(
            f"{', '.join(unknown) or f'method {method}'} is not done here, only the methods grid "
            f"and random with the keys {', '.join(sorted(_KEYS))}; run the file with `wandb sweep`"
        )
    if not isinstance(metric, dict) or metric.get("goal") not in (None, "minimize", "maximize"):
        raise ValueError(f"metric is {metric}; give {{name: val/miou, goal: maximize}}")
    spaces = {str(key): _space(key, given) for key, given in content["parameters"].items()}
    for key, space in spaces.items():
        if method == "grid" and isinstance(space, Range):
            raise ValueError(
                f"parameter {key} is a range, and a grid needs `values`; give those, or use "
                f"method: random"
            )
    command, name = _checked_command(content.get("command")), metric.get("name")
    maximize = metric.get("goal") == "maximize"
    return SweepFile(path, method, spaces, command, content.get("run_cap"), name, maximize)


def _space(key: str, settings: Any) -> list[Any] | Range:
    """The choices or the range of a parameter; without a distribution, its settings imply one."""
    given = dict(settings) if isinstance(settings, dict) else {}
    kind = given.pop("distribution", None)
    values = [given["value"]] if set(given) == {"value"} else given.get("values")
    if len(given) == 1 and isinstance(values, list) and values:
        # As JSON: Python takes 1, 1.0 and true for the same.
        return [json.loads(text) for text in dict.fromkeys(map(json.dumps, values))]
    low, high = (given.get(name, math.nan) for name in ("min", "max"))
    # By type: true is an int, but no number here.
    if set(given) == {"min", "max"} and {type(low), type(high)} <= {int, float} and low <= high:
        is_whole = {type(low), type(high)} == {int}
        kind = kind or ("int_uniform" if is_whole else "uniform")
        allowed = {"uniform": True, "int_uniform": is_whole, "log_uniform_values": low > 0}
        if allowed.get(kind):
            return Range(low, high, kind)
    raise ValueError(
        f"parameter {key} is {settings}; give `value: …`, `values: […]`, or numbers min and max "
        f"(min at most max), where distribution may be int_uniform, uniform, or log_uniform_values "
        f"(positive); W&B's others need `wandb sweep`"
    )


def _checked_command(command: Any) -> tuple[str, ...]:
    """A sweep's command, if it is one of ours that takes a point's values as a file."""
    words = tuple(map(str, command)) if isinstance(command, list) else ()
    verbs = [after for word, after in pairwise(words) if word == "arseg_lightning"]
    values = [before for before, word in pairwise(words) if word.startswith("${args")]
    is_ours = ("-m", "arseg_lightning") in pairwise(words)
    is_ours = is_ours and {*verbs} <= {"fit", "validate", "test"}
    if is_ours and values == ["--config"] and VALUES_MACRO in words:
        return words
    raise ValueError(
        f"command is {command}, but has to run fit, validate or test and take the values from "
        f"--config {VALUES_MACRO} (${{args}} would make text of them: None of null), such as "
        f'["${{env}}", "${{interpreter}}", -m, arseg_lightning, fit, --config, EXPERIMENT, '
        f'--config, "{VALUES_MACRO}"]'
    )
