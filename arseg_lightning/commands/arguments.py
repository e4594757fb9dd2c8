"""How the words of a command line become the named parameters of a command, and what help says."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from functools import reduce
from inspect import Parameter, signature
from itertools import takewhile
from operator import or_
from types import UnionType
from typing import Any, Union, get_args, get_origin

from arseg_lightning.messages import PROGRAM, CommandError, PlainMessages, nearest

__all__ = ["CommandParser", "check_command", "help_texts", "named", "read_counts_first"]
__all__ += ["without_trusted"]


def check_command(arguments: list[str], names: list[str]) -> None:
    """Refuse a command line that names no command.

    Args:
        arguments: The command line.
        names: The commands.

    Raises:
        CommandError: If it has none of them.
    """
    if {*arguments} & {*names, "-h", "--help", "--version"}:
        return
    word = next((word for word in arguments[:1] if not word.startswith("-")), None)
    near = nearest(word, names) if word else []
    raise CommandError(
        f"{f'there is no command {word}' if word else 'no command was given'}\n"
        f"{f'nearest: {near[0]}' if near else 'commands: ' + ', '.join(names)}\n"
        f"`{PROGRAM} --help` shows what there is"
    )


def named(command: Callable[..., Any], arguments: list[str]) -> list[str]:
    """Name a first argument that is given without its name, and what stands behind ``--``.

    A flag needs no value: ``--all`` is ``--all true``.
    Of a command that takes ``overrides``, words about the experiment's model and data are those.
    A parameter that is a list, such as ``configs``, is given by its singular, again for each entry;
    if it is the first one, several words may come without a name.

    Args:
        command: A typed function.
        arguments: What follows its name on the command line.
    """
    if "--" in arguments:
        place = arguments.index("--")
        arguments = [*arguments[:place], f"--extra={json.dumps(arguments[place + 1 :])}"]
    parameters = signature(command).parameters
    if "overrides" in parameters:
        arguments = _with_overrides(arguments)
    arguments = _with_truth(
        arguments, {f"--{name}" for name, each in parameters.items() if _is_flag(each)}
    )
    lists = [name for name, each in parameters.items() if _is_list(each)]
    if arguments and not arguments[0].startswith("-"):
        first = next(iter(parameters))
        words = list(takewhile(lambda word: not word.startswith("-"), arguments))
        own = [f"--{first}+={word}" for word in words] if first in lists else [f"--{first}"]
        arguments = [*own, *arguments[len(words) if first in lists else 0 :]]
    singular = re.compile(rf"^--({'|'.join(map(_singular, lists))})(?==|$)")
    return [singular.sub(r"--\1s+", word) for word in arguments] if lists else arguments


def without_trusted(words: list[str]) -> tuple[list[str], list[str]]:
    """Take ``--trust PACKAGE`` out of a command line: the other words, and the packages.

    Raises:
        ValueError: If no package follows.
    """
    others: list[str] = []
    packages: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name != "--trust":
            others.append(word)
            continue
        package = value if equals else next(rest, "")
        if not package or package.startswith("-"):
            raise ValueError("--trust wants the name of a package: --trust my_networks")
        packages.append(package)
    return others, packages


_OF_RUNS = ("configs", "cases")
"""First parameters that name runs, whose configurations may be somebody else's."""


class CommandParser(PlainMessages):
    """A command's parser, whose help shows lists as they are typed, by their singular."""

    def format_help(self, formatter: argparse.HelpFormatter | None = None) -> str:
        """The help, with the singular of each list in place of the list's own name."""
        shown: list[tuple[argparse.Action, list[str], Any]] = []
        hidden: list[argparse.Action] = []
        for action in self._actions:
            if any(option.endswith("+") for option in action.option_strings):
                shown.append((action, [*action.option_strings], action.metavar))
                name = f"--{_singular(action.dest)}"
                hidden += [each for each in self._actions if each.option_strings == [name]]
                action.option_strings = [name]
                action.metavar = name.removeprefix("--").upper()
        helps = [(each, each.help) for each in hidden]
        for each in hidden:
            each.help = argparse.SUPPRESS
        try:
            return str(super().format_help(formatter))
        finally:
            for action, options, metavar in shown:
                action.option_strings, action.metavar = options, metavar
            for each, text in helps:
                each.help = text


def help_texts(name: str, command: Callable[..., Any]) -> dict[str, str]:
    """What a command's help says of all this, as arguments of ``jsonargparse.auto_cli``.

    Args:
        name: The command's.
        command: A typed function.
    """
    first, *others = signature(command).parameters.values()
    word = _singular(first.name)
    shown = f"{word.upper()}{' ...' * _is_list(first)}"
    required = [f"--{each.name} {each.name.upper()}" for each in others if _is_required(each)]
    usage = [PROGRAM, name, shown if _is_required(first) else f"[{shown}]", *required, "[options]"]
    if "extra" in (each.name for each in others):
        usage.append("[-- EXTRA ...]")
    again = ", again for each" * _is_list(first)
    trust = (
        "--trust PACKAGE, again for each, is a package of your own whose classes a run's "
        "configuration may name. "
    ) * (first.name in _OF_RUNS)
    texts = {
        "prog": f"{PROGRAM} {name}",
        "usage": " ".join(usage),
        "epilog": f"{trust}{shown} may be given by name: --{word} {word.upper()}{again}.",
    }
    if first.name == "configs":  # or it would be jsonargparse's own option of that name
        texts["config_help"] = "One of the configs, again for each."
    return texts


def _is_list(parameter: Parameter) -> bool:
    return str(parameter.annotation).startswith("list[")


def _is_flag(parameter: Parameter) -> bool:
    return parameter.annotation in (bool, "bool")


def _is_required(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _with_overrides(arguments: list[str]) -> list[str]:
    """Gather ``--model.network.width 0.5`` and the like under one name."""
    own: list[str] = []
    overrides: list[str] = []
    words = iter(arguments)
    for word in words:
        if re.match(r"--(model|data)(\.|=|$)", word) is None:
            own.append(word)
        elif "=" in word:
            overrides.append(word)
        else:
            overrides += [word, *[value for value in [next(words, None)] if value is not None]]
    return [*own, f"--overrides={json.dumps(overrides)}"] if overrides else own


def _with_truth(arguments: list[str], flags: set[str]) -> list[str]:
    """Read a flag without a value as ``true``."""
    following = [*arguments[1:], "-"]
    return [
        f"{word}=true" if word in flags and after.startswith("-") else word
        for word, after in zip(arguments, following, strict=False)
    ]


def read_counts_first(function: Callable[..., Any]) -> None:
    """Let the parser take ``1`` for a count and ``1.0`` for a share, wherever both are allowed.

    Which of ``Union[int, float]`` and ``Union[float, int]`` a function has is a matter of luck:
    ``typing`` takes them for the same, and gives out whichever was made first. Lightning has both,
    and the second reads ``limit_train_batches 1``, one batch, as 1.0: all of them.

    Args:
        function: Its annotations are changed in place.
    """
    hints = function.__annotations__
    for name, hint in hints.items():
        parts = get_args(hint)
        origin: Any = get_origin(hint)
        is_union = origin is Union or origin is UnionType
        if is_union and {int, float} <= {*parts}:
            hints[name] = reduce(or_, sorted(parts, key=lambda part: part is not int))
