"""One line for a refused configuration or command line: the option, what is wrong, what to do."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import ArgumentParser

from arseg_lightning.messages.cause import Cause

__all__ = ["explain", "nearest"]


def explain(parser: ArgumentParser, cause: Cause) -> str:
    """What is wrong with which option, the nearest known names, and where to look further."""
    words: Sequence[str] = getattr(parser, "args", None) or []
    action = parser._subcommands_action
    inner = action.choices if action else {}
    parser = inner.get(next((word for word in words if word in inner), ""), parser)
    # Neither files nor flags have the name of the subcommand, and they may leave out init_args.
    parts = [part for part in ".".join(cause.keys).split(".") if part not in ("init_args", "")]
    parts = parts[1:] if parts[:1] == [getattr(parser, "subcommand", None)] else parts
    path = ".".join(parts)
    more = f"`{str(parser.prog).replace(' [options]', '')} --help` shows what there is"
    if cause.kind == "key":
        return _unknown_key(cause, path, parser, more)
    if cause.kind == "missing":
        return _missing(cause, path, parser, more)
    if cause.kind in ("class", "subclass"):
        return f"{path}: {_wrong_class(cause)}"
    if cause.kind == "type":
        return f"{path}: {_wrong_type(cause)}"
    reason = str(cause.error).strip().removeprefix("argument ")
    if "does not exist" in reason and "experiments/" in reason and not Path("experiments").exists():
        reason += "; the command `examples` writes the folder experiments, as the package has it"
    return f"{path}: {reason}" if path else f"{reason}; {more}"


def _unknown_key(cause: Cause, path: str, parser: ArgumentParser, more: str) -> str:
    name = cause.names[0].removeprefix(f"{getattr(parser, 'subcommand', '')}.")
    if not name.startswith("-") and not path and cause.parser is None:
        return f"{name}: no option takes this word; a value follows its flag; {more}"
    prefix, name = (f"{path}." if path else ""), name.lstrip("-").rstrip("+")
    # A key of a class is first looked for in the class, then in the whole configuration.
    near = [prefix + each for each in nearest(name, _options(cause.parser or parser))]
    near = near or nearest(prefix + name, _options(parser))
    of = f" of {cause.owner}" if cause.owner else ""
    found = f"nearest: {', '.join(near)}" if near else more
    return f"{prefix}{name}: there is no such option{of}; {found}"


def _missing(cause: Cause, path: str, parser: ArgumentParser, more: str) -> str:
    prefix = f"{path}." if path else ""
    asked = cause.parser if cause.owner and cause.parser else parser
    hints = {each.dest: getattr(each, "_typehint", None) for each in asked._actions}
    told = []
    for name in cause.names:
        name = name.removeprefix(f"{getattr(parser, 'subcommand', '')}.")
        known = _class_names(_base_class(hints.get(name)))
        if get_origin(hints.get(name)) is list:  # a list of a command is given by its singular
            name = name.removesuffix("s")
        told.append(f"--{prefix}{name}" + (f" ({_listed(known)})" if known else ""))
    who = f"{path} ({cause.owner})" if path else str(parser.prog).replace(" [options]", "")
    return f"{who} needs {' and '.join(told)}, as a flag or in a file (--config FILE); {more}"


def _wrong_class(cause: Cause) -> str:
    name, base = cause.names[0], _base_class(cause.typehint)
    kind = base.__name__ if base else "class"
    if cause.kind == "subclass":  # there is one of that name, but of another kind
        what = "is abstract" if "is abstract" in str(cause.error) else f"is no {kind}"
        return f"{name} {what}; known: {_listed(_class_names(base))}"
    if "." in name:
        return (
            f"{name} cannot be imported ({type(cause.error).__name__}: {cause.error}); a class is "
            f"named by its import path, package.module.Class, and its package is installed, or in "
            f"a folder of PYTHONPATH (the current folder is one)"
        )
    known = [*_words(cause.typehint), *_class_names(base)]
    near = nearest(name, known)
    found = f"nearest: {', '.join(near)}" if near else f"known: {_listed(known)}"
    return f"there is no {kind} called {name}; {found}; yours is named package.module.Class"


def _wrong_type(cause: Cause) -> str:
    hint, value = cause.typehint, cause.value
    if hasattr(value, "val") and hasattr(value, "key"):  # a flag of a class's argument
        value = value.val
    if words := _words(hint):
        return f"{value!r} is not one of {', '.join(words)}"
    if base := _base_class(hint):
        return f"{value!r} is not the name of a {base.__name__}"
    is_union = get_origin(hint) in (Union, UnionType)
    names = [
        part.__name__ if inspect.isclass(part) and not get_args(part) else str(part)
        for part in (get_args(hint) if is_union else [hint])
    ]
    kind = re.sub(r"\b\w+[.]", "", " or ".join(names))  # without the modules
    return f"{value!r} is not {kind.replace('tuple[', 'list[').replace('NoneType', 'null')}"


def _words(hint: Any) -> list[str]:
    """The words that a type takes besides other values."""
    literals = [part for part in (hint, *get_args(hint)) if get_origin(part) is Literal]
    words = dict.fromkeys(str(word) for literal in literals for word in get_args(literal))
    return [*words, *["null"] * (type(None) in get_args(hint))] if words else []


def _base_class(hint: Any) -> type | None:
    """The class whose subclasses a type takes; of a callable, what it returns."""
    if inspect.isclass(hint) and get_origin(hint) is None:
        return hint if hint.__module__ not in ("builtins", "pathlib") else None
    parts = get_args(hint)
    # Of a callable the arguments come first, as a list, and what it returns comes last.
    if get_origin(hint) in (Callable, type(Callable)) or (parts and isinstance(parts[0], list)):
        parts = parts[-1:]
    return next((found for part in parts if (found := _base_class(part))), None)


def _class_names(base: type | None) -> list[str]:
    """Short names of the classes that can be given for one, as far as they are of its package."""
    classes: list[type[Any]] = [base] if base else []
    for each in classes:  # grows by the next generation
        classes += each.__subclasses__()
    package = base.__module__.partition(".")[0] if base else ""
    own = [each for each in classes if each.__module__.partition(".")[0] == package]
    return sorted(
        {e.__name__ for e in own if not (inspect.isabstract(e) or e.__name__.startswith("_"))}
    )


def _options(parser: ArgumentParser) -> list[str]:
    inner = ("help", "print_config")
    return [each.dest for each in parser._actions if each.dest.rpartition(".")[2] not in inner]


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names, dotted or not, that a user may have meant; the best first."""
    last = {each: each.rpartition(".")[2] for each in known}
    close = difflib.get_close_matches(name.rpartition(".")[2], last.values(), 3, cutoff=0.75)
    likeness = difflib.SequenceMatcher(b=name)

    def unlike(each: str) -> float:
        likeness.set_seq1(each)
        return -likeness.ratio()

    return sorted((each for each in last if last[each] in close), key=unlike)[:3]


def _listed(names: Sequence[str]) -> str:
    """The first twelve names of a list, in one line."""
    rest = len(names) - 12
    return ", ".join(names[:12]) + (f" and {rest} more" if rest > 0 else "")
