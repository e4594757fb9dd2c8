"""Parameters of a sweep: W&B's distributions in terms of Optuna's."""

from __future__ import annotations

import json
import math
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import NormalDist
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

__all__ = ["Parameter"]

_RANGE, _NORMAL = {"min", "max"}, {"mu", "sigma"}
_LIMITS = "min and max, numbers with min at most max"

_SETTINGS: dict[str, tuple[set[str], set[str], str]] = {
    "constant": ({"value"}, set(), "value"),
    "categorical": (
        *({"values"}, {"probabilities"}),
        "values, a list with at least one entry, and may take probabilities, one for each",
    ),
    "int_uniform": (_RANGE, set(), _LIMITS.replace("numbers", "whole numbers")),
    "uniform": (_RANGE, set(), _LIMITS),
    "q_uniform": (_RANGE | {"q"}, set(), f"{_LIMITS}, and q, a positive step"),
    "log_uniform": (_RANGE, set(), f"{_LIMITS}, the natural logarithms of what is drawn"),
    "log_uniform_values": (_RANGE, set(), f"{_LIMITS}, both positive"),
    "q_log_uniform_values": (_RANGE | {"q"}, set(), f"{_LIMITS}, and q, a step, all positive"),
    "normal": (set(), _NORMAL, "mu and sigma, numbers, by default 0 and 1"),
    "q_normal": ({"q"}, _NORMAL, "q, a positive step, and may take mu and sigma, numbers"),
}
"""W&B's distributions: the settings that each needs, those that it may have, and what they are."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a sweep says about one key of the configuration.

    Args:
        key: Dotted key.
        distribution: In the words of W&B.
        settings: The distribution's own settings, such as ``values``, or ``min`` and ``max``.

    Raises:
        ValueError: If the distribution is not known, or its settings do not describe one.
    """

    key: str
    distribution: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.distribution not in _SETTINGS:
            raise ValueError(
                f"parameter {self.key} has distribution {self.distribution}, which is not known "
                f"here; use one of {', '.join(_SETTINGS)}"
            )
        if not self._is_valid():
            raise ValueError(
                f"parameter {self.key} has {dict(self.settings)}, but {self.distribution} takes "
                f"{_SETTINGS[self.distribution][2]}"
            )

    def _is_valid(self) -> bool:
        settings, (needed, optional, _) = self.settings, _SETTINGS[self.distribution]
        kind = int if self.distribution == "int_uniform" else int | float
        numbers = [settings[name] for name in _RANGE | _NORMAL | {"q"} if name in settings]
        if (
            not needed <= set(settings) <= needed | optional
            or not all(isinstance(each, kind) and not isinstance(each, bool) for each in numbers)
            or not isinstance(settings.get("values", []), list)
        ):
            return False
        values = settings.get("values", [None])
        least = 0 if self.distribution.endswith("log_uniform_values") else -math.inf
        low, high = settings.get("min", 1), settings.get("max", 1)
        is_range = least < low <= high and settings.get("q", 1) > 0
        return is_range and len(settings.get("probabilities", values)) == len(values) > 0

    def grid(self) -> list[Any]:
        """All values, in order.

        Raises:
            ValueError: If there are infinitely many.
        """
        settings = self.settings
        if self.distribution == "constant":
            return [settings["value"]]
        if self.distribution == "categorical":
            return list(settings["values"])
        if self.distribution == "int_uniform":
            return list(range(settings["min"], settings["max"] + 1))
        if self.distribution == "q_uniform":
            first, last = (round(settings[name] / settings["q"]) for name in ("min", "max"))
            return [_multiple(n, settings["q"]) for n in range(first, last + 1)]
        raise ValueError(
            f"parameter {self.key} is drawn from {self.distribution}, and a grid needs values that "
            f"can be counted; give `values`, or use method: random"
        )

    def space(self, as_grid: bool) -> BaseDistribution:
        """Optuna's distribution, whose draws :meth:`value` turns into values.

        Args:
            as_grid: Whether only the values of :meth:`grid` are wanted.
        """
        settings, name = self.settings, self.distribution
        if as_grid or name == "constant" or (name == "categorical" and len(settings) == 1):
            # As JSON: a study keeps no lists, and takes 1, 1.0 and true for the same.
            return CategoricalDistribution([*dict.fromkeys(map(json.dumps, self.grid()))])
        if name == "int_uniform":
            return IntDistribution(settings["min"], settings["max"])
        if name in ("uniform", "q_uniform"):
            return FloatDistribution(settings["min"], settings["max"])
        if name == "log_uniform":
            low, high = math.exp(settings["min"]), math.exp(settings["max"])
            return FloatDistribution(low, high, log=True)
        if name in ("log_uniform_values", "q_log_uniform_values"):
            return FloatDistribution(settings["min"], settings["max"], log=True)
        # Optuna knows neither normal distributions nor probabilities: it draws a quantile of them.
        return FloatDistribution(1e-9, 1 - 1e-9)

    def value(self, drawn: Any) -> Any:
        """The value that a draw from :meth:`space` stands for."""
        settings = self.settings
        if isinstance(drawn, str):
            return json.loads(drawn)
        if "probabilities" in settings:
            limits = list(accumulate(settings["probabilities"]))
            return settings["values"][bisect(limits, drawn * limits[-1])]
        if self.distribution.endswith("normal"):
            drawn = NormalDist(settings.get("mu", 0), settings.get("sigma", 1)).inv_cdf(drawn)
        return _multiple(round(drawn / settings["q"]), settings["q"]) if "q" in settings else drawn


def _multiple(count: int, step: float) -> float:
    """A multiple of a step, as it would be written: three times 0.1 is 0.3."""
    return count * step if isinstance(step, int) else float(f"{count * step:.12g}")
