"""Messages for refused configurations and command lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_origin

from jsonargparse import ArgumentParser
from omegaconf.errors import OmegaConfBaseException

from arseg_lightning.messages.cause import Cause
from arseg_lightning.messages.config_file import ConfigFile, position_of
from arseg_lightning.messages.words import (
    base_class,
    choices,
    class_names,
    listed,
    nearest,
    type_words,
)

__all__ = ["Explanation"]


class Explanation:
    """What is wrong, in which file or flag, what may be meant, and what to do.

    Args:
        parser: Parser that refuses.
        cause: Why.
        files: Configuration files that were read.
    """

    def __init__(self, parser: ArgumentParser, cause: Cause, files: Sequence[ConfigFile]) -> None:
        self.cause = cause
        self.files = files
        self.words: Sequence[str] = getattr(parser, "args", None) or []
        action = parser._subcommands_action
        inner = action.choices if action else {}
        asked = next((word for word in self.words if word in inner), "")
        self.parser = inner.get(asked, parser)
        self.subcommand: str = getattr(self.parser, "subcommand", "")
        self.program = str(self.parser.prog).replace(" [options]", "")
        self.help = f"`{self.program} --help` shows what there is"

    def text(self) -> str:
        """The message, of at most nine lines."""
        lines = {
            "key": self._unknown_key,
            "class": self._unknown_class,
            "subclass": self._unknown_class,
            "missing": self._missing,
            "type": self._wrong_type,
            "raised": self._raised,
        }[self.cause.kind]
        shown = [line for part in lines() for line in part.splitlines() if line.strip()]
        return "\n".join(line[:400] for line in shown[:9])

    def _unknown_key(self) -> Iterator[str]:
        owner, outer = self.cause.owner, _options(self.parser)
        known = _options(self.cause.parser) if owner and self.cause.parser else outer
        flags = [word for word in self.words if word.startswith("-")]
        for name in map(self._bare, self.cause.names[:2]):
            path = self._path(name)
            position = self._position(path)
            # A key of a class is first looked for in the class, then in the whole configuration.
            near = [self._path(each) for each in nearest(name, known)] or nearest(path, outer)
            if not owner and "--" in position and not any(name in word for word in flags):
                yield f"{name}: no option takes this word; a value follows its flag"
                continue
            yield f"{position}: there is no such option{f' of {owner}' if owner else ''}"
            dashes = "--" if position.startswith("--") else ""
            yield _suggestion([f"{dashes}{each}" for each in near], known if owner else [])
        yield self.help

    def _unknown_class(self) -> Iterator[str]:
        name, error, hint = self.cause.names[0], self.cause.error, self.cause.typehint
        position, base = self._position(self.cause.path), base_class(hint)
        kind, words = base.__name__ if base else "class", choices(hint)
        known = class_names(base, of_others=False)
        if self.cause.kind == "subclass":  # there is one of that name, but of another kind
            is_abstract = "is abstract" in str(error)
            yield f"{position}: {name} is {'abstract' if is_abstract else f'no {kind}'}"
            yield _suggestion([], known)
        elif "." not in name:
            yield f"{position}: there is no {kind} called {name}"
            yield _suggestion(nearest(name, [*words, *class_names(base)]), [*words, *known])
            yield "a custom class is named by its import path: package.module.Class"
        else:
            yield f"{position}: {name} cannot be imported ({type(error).__name__}: {error})"
            # Either the class's own package is missing, or one that its file imports.
            package = str(getattr(error, "name", None) or name)
            if isinstance(error, ModuleNotFoundError) and not name.startswith(package):
                yield f"its file needs a package that is not installed: pip install {package}"
            else:
                yield "a class is named by its import path, package.module.Class; its package is"
                yield "installed, or in a folder of PYTHONPATH (the current folder is one)"

    def _missing(self) -> Iterator[str]:
        owner = self.cause.owner
        parser = self.cause.parser if owner and self.cause.parser else self.parser
        # Types tell which names there are to choose from.
        hints = {each.dest: getattr(each, "_typehint", None) for each in parser._actions}
        flags = {}
        for name in map(self._bare, self.cause.names):
            path, is_list = self._path(name), get_origin(hints.get(name)) is list
            # A list of a command is given by its singular.
            flags[name] = f"--{path.removesuffix('s') if is_list and '.' not in path else path}"
        who = f"{self.cause.path} ({owner})" if owner else self.program
        yield f"{who} needs {' and '.join(flags.values())}"
        for name, flag in [*flags.items()][:4]:
            if known := class_names(base_class(hints.get(name)), of_others=False):
                yield f"{flag} may be {listed(known)}"
        if self.parser.usage:
            yield f"usage: {self.parser.usage}"
            yield self.help
        else:
            yield "give it as a flag, or in a YAML file: --config FILE (experiments/ holds some)"

    def _wrong_type(self) -> Iterator[str]:
        hint, value = self.cause.typehint, self.cause.value
        if hasattr(value, "val") and hasattr(value, "key"):  # a flag of a class's argument
            value = value.val
        yield f"{self._position(self.cause.path)}: {value!r} is not {type_words(hint)}"
        parts = [hint, *getattr(hint, "__args__", ())]
        pair = next((part for part in parts if get_origin(part) is tuple), None)
        if pair is not None and isinstance(value, int | float | str) and ... not in pair.__args__:
            yield f"for example [{', '.join([str(value)] * len(pair.__args__))}]"
        if isinstance(value, str):
            yield _suggestion(nearest(value, choices(hint)), [])

    def _raised(self) -> Iterator[str]:
        error, path = self.cause.error, self.cause.path
        if path == "config" and isinstance(self.cause.value, str):
            yield from _no_file(Path(self.cause.value))
        elif isinstance(error, OmegaConfBaseException):
            yield from self._unresolved(error)
        else:
            reason = str(error).removeprefix("argument ")
            yield f"{self._position(path)}: {reason}" if path else reason
            yield "" if path else self.help

    def _unresolved(self, error: OmegaConfBaseException) -> Iterator[str]:
        """Of ``${...}`` that leads nowhere: its file and line, unless a flag has it."""
        reason = str(error).splitlines()[0].rpartition("interpolation: ")[2].strip('"')
        name = next(iter(re.findall(r"'(.+?)'", reason)), "")
        positions = [
            f"{file.name}, line {number}"
            for file in self.files
            for number, line in enumerate(file.text.splitlines(), 1)
            if name and name in line
        ]
        position = positions[0] if positions else self._position(self._bare(error.full_key or ""))
        yield f"{position}: {reason}"
        if "${oc.env" in "".join([*(file.text for file in self.files), *self.words]):
            yield f"set the variable, or write a default: ${{oc.env:{name},DEFAULT}}"

    def _path(self, name: str) -> str:
        return ".".join(part for part in (self.cause.path, self._bare(name)) if part)

    def _bare(self, name: str) -> str:
        """A key without the subcommand, which no file and no flag has."""
        return name.removeprefix(f"{self.subcommand}.") if self.subcommand else name

    def _position(self, path: str) -> str:
        return position_of(path, self.words, self.files) if path else "the command line"


def _suggestion(near: Sequence[str], known: Sequence[str]) -> str:
    if near:
        return f"nearest: {', '.join(near)}"
    return f"known: {listed(known)}" if known else ""


def _options(parser: ArgumentParser) -> list[str]:
    inner = ("help", "print_config")
    return [each.dest for each in parser._actions if each.dest.rpartition(".")[2] not in inner]


def _no_file(path: Path) -> Iterator[str]:
    if path.is_dir():
        inside = sorted(each.name for each in path.glob("*.y*ml"))
        yield f"--config {path} is a folder; give a file"
        yield f"in it: {listed(inside)}" if inside else "there is no YAML file in it"
        return
    yield f"--config {path}: there is no such file"
    if path.parent.is_dir():
        stems = {each.stem: str(each) for each in path.parent.glob("*.y*ml")}
        yield _suggestion([stems[stem] for stem in nearest(path.stem, stems)], [])
    yield "paths start from the current folder; experiments/ holds files to start from"
