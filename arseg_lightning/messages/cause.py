"""The innermost reason in the chain of exceptions with which jsonargparse refuses a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from traceback import walk_tb
from typing import Any, Literal, Union

from jsonargparse import ArgumentParser, Namespace

__all__ = ["Cause", "find_cause"]


@dataclass(frozen=True, slots=True)
class Cause:
    """The innermost reason for a refusal."""

    # An unknown class, one of another kind, an unknown key, missing keys, a value of another type,
    # or an error of what the parser called: a constructor, a reader of files.
    kind: Literal["class", "subclass", "key", "missing", "type", "raised"]
    error: BaseException  # the innermost exception
    keys: tuple[str, ...] = ()  # where in the configuration, outermost first; each may be dotted
    names: tuple[str, ...] = ()  # of the class, of the unknown keys, or of the missing ones
    typehint: Any = None  # type that the value should have
    value: Any = None
    parser: ArgumentParser | None = None  # that knows the keys
    owner: str | None = None  # class whose arguments they are


def find_cause(error: BaseException) -> Cause:
    """Follow an exception to its reason; of a union, down the attempt that got furthest.

    The parser chains its exceptions by ``__cause__`` and raises each in a function whose local
    variables hold what the message only spells out: the attempts, the value, its type.
    """
    attempts = _variable(error, "raise_union_unexpected_value", "exceptions")
    if attempts:
        # Each member of a union was tried: the one that a user meant got the furthest.
        found = [find_cause(each) for each in attempts if isinstance(each, BaseException)]
        best = max(found, key=lambda cause: (len(cause.keys), cause.kind != "type"))
        if best.kind in ("class", "type") and not best.keys:  # none got further than the value
            subtypes = tuple(_variable(error, "raise_union_unexpected_value", "subtypes"))
            value = _variable(error, "raise_union_unexpected_value", "val")
            best = replace(best, typehint=Union[subtypes], value=value)  # noqa: UP007
    elif error.__cause__ is not None and _is_of_parser(error):  # causes of others are their own
        best = find_cause(error.__cause__)
    else:
        best = _innermost(error)
    # The parser's own TypeErrors name the key that they come through, one level each.
    key = re.match(r'Parser key "([^"]+)"', str(error)) if isinstance(error, TypeError) else None
    owner = getattr(_variable(error, "adapt_class_type", "val_class"), "__name__", None)
    return replace(best, keys=(*([key[1]] if key else []), *best.keys), owner=best.owner or owner)


def _innermost(error: BaseException) -> Cause:
    """The kind of an exception that has no cause, from the function that raised it."""
    validating = _variable(error, "validate", "self")
    if missing := _variable(error, "check_required", "missing"):
        return Cause("missing", error, names=tuple(missing), parser=validating)
    if (key := _variable(error, "check_values", "key")) is not None:
        parser = getattr(error, "subcommand_parser", None) or validating
        return Cause("key", error, names=(str(key),), parser=parser)
    _, is_unknown, rest = str(error).partition("unrecognized arguments: ")
    if is_unknown:
        return Cause("key", error, names=(rest.split()[0].partition("=")[0],))
    typehint = _variable(error, "adapt_typehints", "typehint")
    if (name := _variable(error, "import_object", "name")) is not None:
        return Cause("class", error, names=(str(name),), typehint=typehint)
    value = _variable(error, "adapt_typehints", "val")
    if typehint is None or not _is_of_parser(error):
        return Cause("raised", error)
    if isinstance(value, Mapping | Namespace) and isinstance(value.get("class_path"), str):
        return Cause("subclass", error, names=(value["class_path"],), typehint=typehint)
    return Cause("type", error, typehint=typehint, value=value)


def _is_of_parser(error: BaseException) -> bool:
    """Whether a parser raised an exception, rather than what it called."""
    modules = [str(f.f_globals.get("__name__")) for f, _ in walk_tb(error.__traceback__)]
    return bool(modules) and modules[-1].partition(".")[0] in ("argparse", "jsonargparse")


def _variable(error: BaseException, function: str, name: str) -> Any:
    """A variable of the innermost call of a function that the exception came through."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        if frame.f_code.co_name == function and name in frame.f_locals:
            return frame.f_locals[name]
    return None
