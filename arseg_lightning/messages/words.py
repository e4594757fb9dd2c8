"""Types, class names and lists in words that a reader of a message knows."""

from __future__ import annotations

import difflib
import inspect
import types
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["base_class", "choices", "class_names", "listed", "nearest", "type_words"]

_SHOWN = 12
"""Names of a list that are shown."""

_CLOSE = 0.7
"""How much alike names are, from 0 to 1, for one to be meant by the other."""

_TIE = 0.12
"""Names that are less alike than the best by no more than this are shown too."""

_NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    types.NoneType: "null",
    Path: "a path",
}


def type_words(hint: Any) -> str:
    """Say what a type takes: ``a list of 2 whole numbers, or null``.

    Args:
        hint: A type as it stands in a signature.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        others = [type_words(part) for part in parts if get_origin(part) is not Literal]
        return ", or ".join(
            dict.fromkeys([*_one_of(choices(hint)), *sorted(others, key="null".__eq__)])
        )
    if origin is Literal:
        return _one_of(choices(hint))[0]
    if origin is tuple and Ellipsis not in parts:
        return f"a list of {len(parts)} {_plural(parts[0])}"
    if origin in (list, tuple, set) or (inspect.isclass(origin) and issubclass(origin, Iterable)):
        return f"a list of {_plural(parts[0])}" if parts else "a list"
    if origin is dict:
        return "a mapping of names"
    if origin is not None and origin is not type and base_class(hint):
        return f"the name of a {_name(base_class(hint))}"
    if hint in _NAMES:
        return _NAMES[hint]
    return f"a {_name(hint)}"


def _plural(hint: Any) -> str:
    words = type_words(hint)
    if words.startswith("a ") and not words.startswith("a list"):
        return words.removeprefix("a ") + "s"
    return f"entries, each {words}"


def _one_of(words: Sequence[str]) -> list[str]:
    texts = list(dict.fromkeys(words))
    return [f"one of {', '.join(texts)}" if len(texts) > 1 else texts[0]] if texts else []


def _name(hint: Any) -> str:
    return str(getattr(hint, "__name__", hint))


def choices(hint: Any) -> list[str]:
    """The words that a type takes besides other values.

    Args:
        hint: A type as it stands in a signature.
    """
    if get_origin(hint) is Literal:
        return [str(each) for each in get_args(hint)]
    is_union = get_origin(hint) in (Union, types.UnionType)
    return [word for part in get_args(hint) for word in choices(part)] if is_union else []


def base_class(hint: Any) -> type | None:
    """The class whose subclasses a type takes: of a callable, what it makes; of a list, its items.

    Args:
        hint: A type as it stands in a signature.
    """
    if inspect.isclass(hint) and get_origin(hint) is None:
        return hint if hint not in _NAMES and hint.__module__ != "builtins" else None
    parts = get_args(hint)
    if get_origin(hint) in (Callable, type(Callable)) or (parts and isinstance(parts[0], list)):
        parts = parts[-1:]
    return next((found for part in parts if (found := base_class(part))), None)


def class_names(base: type | None, of_others: bool = True) -> list[str]:
    """Short names of the classes that can stand for one: those that are loaded.

    Args:
        base: A class; itself counts unless it is abstract.
        of_others: Whether classes outside the package of the base count.
    """
    if base is None:
        return []
    package = _package(base)
    found = [each for each in {base, *_subclasses(base)} if not inspect.isabstract(each)]
    shown = [each for each in found if of_others or _package(each) == package]
    return sorted({each.__name__ for each in shown if not each.__name__.startswith("_")})


def _package(which: type) -> str:
    return which.__module__.partition(".")[0]


def _subclasses(base: type[Any]) -> Iterable[type[Any]]:
    for each in base.__subclasses__():
        yield each
        yield from _subclasses(each)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Known names that a reader may have meant, the best first.

    Args:
        name: What was written.
        known: Names, which may be dotted: then the last word alone counts too, a little less.
    """
    scores = {each: _likeness(name.lower(), each.lower()) for each in known}
    best = max(scores.values(), default=0.0)
    close = [each for each, score in scores.items() if score >= max(_CLOSE, best - _TIE)]
    return sorted(close, key=scores.__getitem__, reverse=True)[:3]


def _likeness(name: str, other: str) -> float:
    whole = difflib.SequenceMatcher(None, name, other).ratio()
    word, last = (each.rpartition(".")[2] for each in (name, other))
    is_part = word in last.split("_")  # ratio of resolution_ratio
    return max(whole, 0.9 * difflib.SequenceMatcher(None, word, last).ratio(), 0.75 * is_part)


def listed(names: Sequence[str]) -> str:
    """The first names of a list, in one line.

    Args:
        names: The list.
    """
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
