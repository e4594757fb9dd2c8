"""Command lines of the typed functions in this package."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from functools import reduce
from inspect import Parameter, signature
from itertools import islice, takewhile
from operator import or_
from types import UnionType
from typing import Any, Union, get_args, get_origin

from jsonargparse import DefaultHelpFormatter, auto_cli

from arseg_lightning.messages import PROGRAM, CommandError, PlainMessages, nearest

__all__ = ["check_command", "named", "read_counts_first", "run_command", "usage"]


def check_command(arguments: list[str], names: list[str]) -> None:
    """Raise a CommandError for a command line that names no command."""
    if {*arguments} & {*names, "-h", "--help", "--version"}:
        return
    word = next(iter(arguments), "")
    near = nearest(word, names)
    raise CommandError(
        f"{word or 'nothing'} is no command; "
        f"{f'nearest: {near[0]}' if near else 'commands: ' + ', '.join(names)}"
    )


def run_command(name: str, command: Callable[..., Any], words: list[str]) -> Any:
    """Parse what follows a command's name, and call its function."""
    return auto_cli(
        command,
        args=named(command, words),
        as_positional=False,
        parser_class=_CommandParser,
        prog=f"{PROGRAM} {name}",
        usage=usage(name, command),
    )


def usage(name: str, command: Callable[..., Any]) -> str:
    """The usage of a command: the words without a flag, and what is required."""
    first, *others = signature(command).parameters.values()
    words = _shown(first) if first.default is Parameter.empty else f"[{_shown(first)}]"
    parts = [PROGRAM, name, words]
    parts += [f"--{p.name} {p.name.upper()}" for p in others if p.default is Parameter.empty]
    extra = ["[-- EXTRA ...]"] if any(each.name == "extra" for each in others) else []
    return " ".join([*parts, "[options]", *extra])


def named(command: Callable[..., Any], words: list[str]) -> list[str]:
    """Give words without a flag the flag of their parameter, for jsonargparse.

    First words are the first parameter. A list, such as ``configs``, is given by its singular,
    again for each entry. What follows ``--`` is ``extra``; flags about the experiment's model and
    data, ``--model.network.width 0.5``, are ``overrides``.
    """
    parameters = signature(command).parameters
    first, *_ = parameters.values()
    lists = [_singular(name) for name, each in parameters.items() if _is_list(each)]
    extra = words[words.index("--") :] if "--" in words else []
    words = words[: len(words) - len(extra)]
    if "overrides" in parameters:
        words = _with_overrides(words)
    leading = list(takewhile(lambda word: not word.startswith("-"), words))
    if _is_list(first):
        words = [*(f"--{first.name}+={word}" for word in leading), *words[len(leading) :]]
    elif leading:
        words = [f"--{first.name}", *words]
    if lists:
        list_flag = re.compile(rf"^--({'|'.join(lists)})(?==|$)")
        words = [list_flag.sub(r"--\1s+", word) for word in words]
    return [*words, f"--extra={json.dumps(extra[1:])}"] if extra else words


def _with_overrides(words: list[str]) -> list[str]:
    others: list[str] = []
    overrides: list[str] = []
    rest = iter(words)
    for word in rest:
        if not re.match(r"--(model|data)(\.|=|$)", word):
            others.append(word)
        elif "=" in word:
            overrides.append(word)
        else:
            overrides += [word, *islice(rest, 1)]  # the flag and its value
    return [*others, f"--overrides={json.dumps(overrides)}"] if overrides else others


class _HelpFormatter(DefaultHelpFormatter):
    def _format_action_invocation(self, action: argparse.Action) -> str:
        if any(option.endswith("+") for option in action.option_strings):  # a list, as it is typed
            return f"--{_singular(action.dest)} {_singular(action.dest).upper()}"
        return str(super()._format_action_invocation(action))


class _CommandParser(PlainMessages):
    """A command's parser: ``--all`` is ``--all true``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"formatter_class": _HelpFormatter} | kwargs)

    def add_function_arguments(self, *args: Any, **kwargs: Any) -> list[str]:
        added = super().add_function_arguments(*args, **kwargs)
        for action in self._actions:
            if getattr(action, "_typehint", None) is bool:
                action.nargs, action.const = "?", True
            if action.dest == "config" and "configs" in added:  # `named` lets --config be theirs
                action.help = argparse.SUPPRESS
        return added


def _shown(parameter: Parameter) -> str:
    return f"{_singular(parameter.name).upper()}{' ...' * _is_list(parameter)}"


def _is_list(parameter: Parameter) -> bool:
    return str(parameter.annotation).startswith("list[")


def _singular(name: str) -> str:
    return name.removesuffix("s")


def read_counts_first(function: Callable[..., Any]) -> None:
    """Let the parser take ``1`` for a count and ``1.0`` for a share, wherever both are allowed.

    ``typing`` takes ``Union[int, float]`` and ``Union[float, int]`` for the same, and returns
    whichever was made first. Lightning has both, and the second reads ``limit_train_batches 1``,
    one batch, as 1.0: all of them. The function's annotations are changed in place.
    """
    hints = function.__annotations__
    for name, hint in hints.items():
        parts = get_args(hint)
        origin: Any = get_origin(hint)
        if origin in (Union, UnionType) and {int, float} <= {*parts}:
            hints[name] = reduce(or_, sorted(parts, key=lambda part: part is not int))
