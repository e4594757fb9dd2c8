"""Types, class names and lists in the words of messages."""

from __future__ import annotations

import difflib
import inspect
import types
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["base_class", "choices", "class_names", "listed", "nearest", "type_words"]

_NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    types.NoneType: "null",
    Path: "a path",
}


def type_words(hint: Any) -> str:
    """What values a type takes: ``a list of 2 whole numbers, or null``."""
    origin, parts = get_origin(hint), get_args(hint)
    words = list(dict.fromkeys(choices(hint)))
    one_of = f"one of {', '.join(words)}" if len(words) > 1 else "".join(words)
    if origin is Literal:
        return one_of
    if origin in (Union, types.UnionType):
        others = [type_words(part) for part in parts if get_origin(part) is not Literal]
        others.sort(key="null".__eq__)  # null comes last
        return ", or ".join(dict.fromkeys([one_of, *others] if words else others))
    if origin is tuple and Ellipsis not in parts:
        return f"a list of {len(parts)} {_plural(parts[0])}"
    if origin in (list, tuple, set) or (inspect.isclass(origin) and issubclass(origin, Iterable)):
        return f"a list of {_plural(parts[0])}" if parts else "a list"
    if origin is dict:
        return "a mapping of names"
    if origin is not None and origin is not type and (base := base_class(hint)):
        return f"the name of a {base.__name__}"
    return _NAMES.get(hint, f"a {getattr(hint, '__name__', hint)}")


def _plural(hint: Any) -> str:
    words = type_words(hint)
    if words.startswith("a ") and not words.startswith("a list"):
        return words.removeprefix("a ") + "s"
    return f"entries, each {words}"


def choices(hint: Any) -> list[str]:
    """The words that a type takes besides other values."""
    if get_origin(hint) is Literal:
        return [str(each) for each in get_args(hint)]
    is_union = get_origin(hint) in (Union, types.UnionType)
    return [word for part in get_args(hint) for word in choices(part)] if is_union else []


def base_class(hint: Any) -> type | None:
    """The class whose subclasses a type takes; of a callable, what it returns."""
    if inspect.isclass(hint) and get_origin(hint) is None:
        return hint if hint not in _NAMES and hint.__module__ != "builtins" else None
    parts = get_args(hint)
    # Of a callable the arguments come first, as a list, and what it returns comes last.
    if get_origin(hint) in (Callable, type(Callable)) or (parts and isinstance(parts[0], list)):
        parts = parts[-1:]
    return next((found for part in parts if (found := base_class(part))), None)


def class_names(base: type | None, of_others: bool = True) -> list[str]:
    """Short names of the loaded classes that can be given for one.

    Args:
        base: A class; itself counts unless it is abstract.
        of_others: Whether classes outside the package of the base count.
    """
    if base is None:
        return []
    package = base.__module__.partition(".")[0]
    classes: list[type[Any]] = [base]
    for each in classes:  # grows by the next generation
        classes += each.__subclasses__()
    return sorted(
        {
            each.__name__
            for each in classes
            if not inspect.isabstract(each)
            and not each.__name__.startswith("_")
            and (of_others or each.__module__.partition(".")[0] == package)
        }
    )


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names, dotted or not, that a user may have meant; the best first."""

    def likeness(one: str, other: str) -> float:
        return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()

    scores = {}
    word = name.rpartition(".")[2].lower()
    for each in known:
        last = each.rpartition(".")[2].lower()
        is_part = word in last.split("_")  # ratio of resolution_ratio
        scores[each] = max(likeness(name, each), 0.9 * likeness(word, last), 0.75 * is_part)
    # Alike at all, and nearly as much as the best one.
    least = max(0.7, max(scores.values(), default=0.0) - 0.12)
    close = [each for each, score in scores.items() if score >= least]
    return sorted(close, key=scores.__getitem__, reverse=True)[:3]


def listed(names: Sequence[str]) -> str:
    """The first twelve names of a list, in one line."""
    rest = len(names) - 12
    return ", ".join(names[:12]) + (f" and {rest} more" if rest > 0 else "")
