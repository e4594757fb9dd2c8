"""Checks of a configuration's numbers and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

__all__ = ["check_above", "check_range", "check_words"]

_Number = float | Sequence[float] | None


def check_range(least: float, most: float = math.inf, /, **values: _Number) -> None:
    """Refuse numbers outside [least, most], and those that are not finite.

    Args:
        least: The smallest that is allowed.
        most: The largest.
        **values: By name, a number, several, or None, which is always allowed.

    Raises:
        ValueError: If one lies outside; it is named.
    """
    rule = f"is at least {least:g}" if most == math.inf else f"lies in [{least:g}, {most:g}]"
    for name, value in values.items():
        if not all(math.isfinite(each) and least <= each <= most for each in _numbers(value)):
            raise ValueError(f"{name} {rule}, got {value}")


def check_above(bound: float, /, **values: _Number) -> None:
    """Refuse numbers that are not above a bound, as :func:`check_range` does.

    Raises:
        ValueError: If one is not; it is named.
    """
    for name, value in values.items():
        if not all(math.isfinite(each) and each > bound for each in _numbers(value)):
            raise ValueError(f"{name} is a finite number above {bound:g}, got {value}")


def _numbers(value: _Number) -> Sequence[float]:
    if value is None:
        return ()
    return (value,) if isinstance(value, int | float) else value


def check_words(**values: tuple[Any, Any]) -> None:
    """Refuse misspelt words, as the command line does; Python checks no types.

    Args:
        **values: By name, the word and its type: a Literal of all words, or a union with one,
            whose other values are allowed, as None is.

    Raises:
        ValueError: If one is not among them; it is named.
    """
    for name, (value, kind) in values.items():
        literals = [part for part in (kind, *get_args(kind)) if get_origin(part) is Literal]
        words = [word for literal in literals for word in get_args(literal)]
        is_word = isinstance(value, str) or (value is not None and literals == [kind])
        if is_word and value not in words:
            raise ValueError(f"{name} is one of {', '.join(map(str, words))}, got {value!r}")
