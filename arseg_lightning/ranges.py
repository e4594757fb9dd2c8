"""Checks that numbers of a configuration lie where they make sense."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["check_above", "check_range"]

_Number = float | Sequence[float] | None


def check_range(least: float, most: float = math.inf, /, **values: _Number) -> None:
    """Refuse numbers outside a closed range, and those that are not finite.

    Args:
        least: The smallest that makes sense.
        most: The largest.
        **values: Numbers by name; of a list, each of its numbers. None is no number.

    Raises:
        ValueError: If one lies outside; it is named.
    """
    rule = f"is at least {least:g}" if most == math.inf else f"lies in [{least:g}, {most:g}]"
    for name, value in values.items():
        if not all(math.isfinite(each) and least <= each <= most for each in _each(value)):
            raise ValueError(f"{name} {rule}, got {value}")


def check_above(bound: float, /, **values: _Number) -> None:
    """Refuse numbers that are not above a bound, and those that are not finite.

    Args:
        bound: What the numbers are greater than.
        **values: Numbers by name; of a list, each of its numbers. None is no number.

    Raises:
        ValueError: If one is not; it is named.
    """
    for name, value in values.items():
        if not all(math.isfinite(each) and each > bound for each in _each(value)):
            raise ValueError(f"{name} is a finite number above {bound:g}, got {value}")


def _each(value: _Number) -> Sequence[float]:
    if value is None:
        return ()
    return (value,) if isinstance(value, int | float) else value
