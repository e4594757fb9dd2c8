"""One parameter of a sweep: the values that it may take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

__all__ = ["DISTRIBUTIONS", "Parameter"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a sweep says about one key of the configuration.

    Args:
        key: Dotted key.
        distribution: One of :data:`DISTRIBUTIONS`, in the words of W&B.
        settings: The distribution's own settings, such as ``values``, or ``min`` and ``max``.

    Raises:
        ValueError: If the distribution is not known, or its settings do not describe one.
    """

    key: str
    distribution: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = DISTRIBUTIONS.get(self.distribution)
        if kind is None:
            raise ValueError(
                f"parameter {self.key} has distribution {self.distribution}, which is not known "
                f"here; use one of {', '.join(DISTRIBUTIONS)}"
            )
        missing = [name for name in kind.settings if name not in self.settings]
        if missing:
            raise ValueError(
                f"parameter {self.key} has no {' and no '.join(missing)}; {self.distribution} "
                f"needs {' and '.join(kind.settings)}"
            )
        self._check_settings(unknown=set(self.settings) - {*kind.settings, *kind.optional})

    @property
    def is_constant(self) -> bool:
        """Whether all points have the same value."""
        return self.distribution == "constant"

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
            step, low, high = settings["q"], settings["min"], settings["max"]
            return [_multiple(n, step) for n in range(round(low / step), round(high / step) + 1)]
        raise ValueError(
            f"parameter {self.key} is drawn from {self.distribution}, and a grid needs values that "
            f"can be counted; give `values`, or use method: random"
        )

    def draw(self, random: Random) -> Any:
        """One value at random."""
        return DISTRIBUTIONS[self.distribution].draw(self.settings, random)

    def _check_settings(self, unknown: set[str]) -> None:
        """Hold the settings to what they mean."""
        if unknown:
            raise ValueError(
                f"parameter {self.key} has {', '.join(sorted(unknown))}, which {self.distribution} "
                f"does not know; take it away"
            )
        if self.distribution == "categorical":
            self._check_values(self.settings["values"], self.settings.get("probabilities"))
        for name in ("min", "max", "mu", "sigma", "q"):
            self._check_number(name, whole=self.distribution == "int_uniform")
        if "min" in self.settings and self.settings["min"] > self.settings["max"]:
            raise ValueError(
                f"parameter {self.key} has min {self.settings['min']} above max "
                f"{self.settings['max']}; swap them"
            )
        if self.distribution.endswith("log_uniform_values") and self.settings["min"] <= 0:
            raise ValueError(
                f"parameter {self.key} has min {self.settings['min']}, which has no logarithm; "
                f"give a positive one"
            )

    def _check_values(self, values: Any, probabilities: Any) -> None:
        """Hold the values of a choice to be one at least, and their probabilities to fit."""
        if not isinstance(values, list) or not values:
            raise ValueError(
                f"parameter {self.key} has values {values!r}; give a list with at least one entry"
            )
        if probabilities is not None and len(probabilities) != len(values):
            raise ValueError(
                f"parameter {self.key} has {len(probabilities)} probabilities for {len(values)} "
                f"values; give one for each"
            )

    def _check_number(self, name: str, whole: bool) -> None:
        """Hold a setting to be a number, and a step to be positive."""
        value = self.settings.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            wanted = "a whole number" if whole else "a number"
            raise ValueError(f"parameter {self.key} has {name} {value!r}; give {wanted}")
        if name == "q" and value <= 0:
            raise ValueError(f"parameter {self.key} has q {value}; give a positive step")


@dataclass(frozen=True, slots=True)
class _Distribution:
    """How values are drawn, and by which settings."""

    draw: Callable[[Mapping[str, Any], Random], Any]
    settings: tuple[str, ...] = ("min", "max")
    optional: tuple[str, ...] = ()


def _uniform(settings: Mapping[str, Any], random: Random) -> float:
    return float(random.uniform(settings["min"], settings["max"]))


def _log_uniform(settings: Mapping[str, Any], random: Random) -> float:
    return math.exp(_uniform(settings, random))


def _log_uniform_values(settings: Mapping[str, Any], random: Random) -> float:
    low, high = settings["min"], settings["max"]
    return float(min(max(math.exp(random.uniform(math.log(low), math.log(high))), low), high))


def _normal(settings: Mapping[str, Any], random: Random) -> float:
    return random.gauss(settings.get("mu", 0), settings.get("sigma", 1))


def _choice(settings: Mapping[str, Any], random: Random) -> Any:
    return random.choices(settings["values"], settings.get("probabilities"))[0]


def _in_steps(
    draw: Callable[[Mapping[str, Any], Random], float],
) -> Callable[[Mapping[str, Any], Random], float]:
    """Round what is drawn to multiples of ``q``."""
    return lambda settings, random: _multiple(
        round(draw(settings, random) / settings["q"]), settings["q"]
    )


def _multiple(count: int, step: float) -> float:
    """A multiple of a step, as it would be written: three times 0.1 is 0.3."""
    return count * step if isinstance(step, int) else float(f"{count * step:.12g}")


_STEPS = ("min", "max", "q")
_NORMAL = ("mu", "sigma")

DISTRIBUTIONS = {
    "constant": _Distribution(lambda settings, _: settings["value"], ("value",)),
    "categorical": _Distribution(_choice, ("values",), ("probabilities",)),
    "int_uniform": _Distribution(lambda s, random: random.randint(s["min"], s["max"])),
    "uniform": _Distribution(_uniform),
    "q_uniform": _Distribution(_in_steps(_uniform), _STEPS),
    "log_uniform": _Distribution(_log_uniform),
    "log_uniform_values": _Distribution(_log_uniform_values),
    "q_log_uniform_values": _Distribution(_in_steps(_log_uniform_values), _STEPS),
    "normal": _Distribution(_normal, (), _NORMAL),
    "q_normal": _Distribution(_in_steps(_normal), ("q",), _NORMAL),
}
"""W&B's distributions that the local runner knows, by name.

``log_uniform`` has the natural logarithms of its limits as ``min`` and ``max``,
``log_uniform_values`` the limits themselves.
"""
