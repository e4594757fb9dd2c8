"""Words for the cause of a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_origin

from jsonargparse import ArgumentParser
from omegaconf.errors import OmegaConfBaseException

from arseg_lightning.messages.cause import Cause
from arseg_lightning.messages.config_file import ConfigFile, place_of
from arseg_lightning.messages.words import (
    base_class,
    choices,
    class_names,
    listed,
    nearest,
    type_words,
)

__all__ = ["Explanation"]

_LINES = 9
"""Of a message, at most; the program adds one."""


class Explanation:
    """Says what is wrong, in which file or flag, what may be meant, and what to do.

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
        """The message, of a few lines."""
        says = {
            "key": self._unknown_key,
            "class": self._unknown_class,
            "subclass": self._no_subclass,
            "missing": self._missing,
            "type": self._wrong_type,
            "raised": self._raised,
        }[self.cause.kind]
        lines = [line for part in says() for line in part.splitlines() if line.strip()]
        return "\n".join(line[:400] for line in lines[:_LINES])

    def _unknown_key(self) -> Iterator[str]:
        owner, outer = self.cause.owner, _options(self.parser)
        known = _options(self.cause.parser) if owner and self.cause.parser else outer
        flags = [word for word in self.words if word.startswith("-")]
        for name in map(self._bare, self.cause.names[:2]):
            path = self._path(name)
            place = self._place(path)
            # A key of a class is first looked for in the class, then in the whole configuration.
            near = [self._path(each) for each in nearest(name, known)] or nearest(path, outer)
            if not owner and "--" in place and not any(name in word for word in flags):
                yield f"{name}: no option takes this word; a value follows its flag"
                continue
            yield f"{place}: there is no such option{f' of {owner}' if owner else ''}"
            dashes = "--" if place.startswith("--") else ""
            yield _meant([f"{dashes}{each}" for each in near], known if owner else [])
        yield self.help

    def _unknown_class(self) -> Iterator[str]:
        name, base, error = self.cause.names[0], base_class(self.cause.typehint), self.cause.error
        place = self._place(self.cause.path)
        if "." not in name:
            yield f"{place}: there is no {base.__name__ if base else 'class'} called {name}"
            words = choices(self.cause.typehint)
            near = nearest(name, [*words, *class_names(base)])
            yield _meant(near, [*words, *class_names(base, of_others=False)])
            yield "a class of your own is named by its import path: package.module.Class"
            return
        yield f"{place}: {name} cannot be imported ({type(error).__name__}: {error})"
        # Either the class's own package is missing, or one that its file imports.
        package = str(getattr(error, "name", None) or name)
        if isinstance(error, ModuleNotFoundError) and not name.startswith(package):
            yield f"its file needs a package that is not installed: pip install {package}"
        else:
            yield "a class is named by its import path, package.module.Class; its package is"
            yield "installed, or in a folder of PYTHONPATH (the current folder is one)"

    def _no_subclass(self) -> Iterator[str]:
        base = base_class(self.cause.typehint)
        is_abstract = "is abstract" in str(self.cause.error)
        reason = "abstract" if is_abstract else f"no {base.__name__ if base else 'class'}"
        yield f"{self._place(self.cause.path)}: {self.cause.names[0]} is {reason}"
        yield _meant([], class_names(base, of_others=False))

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
        yield f"{self._place(self.cause.path)}: {value!r} is not {type_words(hint)}"
        parts = [hint, *getattr(hint, "__args__", ())]
        pair = next((part for part in parts if get_origin(part) is tuple), None)
        if pair is not None and isinstance(value, int | float | str) and ... not in pair.__args__:
            yield f"for example [{', '.join([str(value)] * len(pair.__args__))}]"
        if isinstance(value, str):
            yield _meant(nearest(value, choices(hint)), [])

    def _raised(self) -> Iterator[str]:
        error, path = self.cause.error, self.cause.path
        if path == "config" and isinstance(self.cause.value, str):
            yield from _no_file(Path(self.cause.value))
        elif isinstance(error, OmegaConfBaseException):
            yield from self._unresolved(error)
        else:
            said = str(error).removeprefix("argument ")
            yield f"{self._place(path)}: {said}" if path else said
            yield "" if path else self.help

    def _unresolved(self, error: OmegaConfBaseException) -> Iterator[str]:
        """Of ``${...}`` that leads nowhere: its file and line, unless a flag has it."""
        said = str(error).splitlines()[0].rpartition("interpolation: ")[2].strip('"')
        name = next(iter(re.findall(r"'(.+?)'", said)), "")
        places = (
            f"{file.name}, line {number}"
            for file in self.files
            for number, line in enumerate(file.text.splitlines(), 1)
            if name and name in line
        )
        place = next(places, None) or self._place(self._bare(error.full_key or ""))
        yield f"{place}: {said}"
        if "${oc.env" in "".join([*(file.text for file in self.files), *self.words]):
            yield f"set the variable, or write a default: ${{oc.env:{name},DEFAULT}}"

    def _path(self, name: str) -> str:
        return ".".join(part for part in (self.cause.path, self._bare(name)) if part)

    def _bare(self, name: str) -> str:
        """A key without the subcommand, which no file and no flag has."""
        return name.removeprefix(f"{self.subcommand}.") if self.subcommand else name

    def _place(self, path: str) -> str:
        return place_of(path, self.words, self.files) if path else "the command line"


def _meant(near: Sequence[str], known: Sequence[str]) -> str:
    if near:
        return f"nearest: {', '.join(near)}"
    return f"known: {listed(known)}" if known else ""


def _options(parser: ArgumentParser) -> list[str]:
    """Keys of a parser, as they stand in a file."""
    inner = ("help", "print_config")
    return [each.dest for each in parser._actions if each.dest.rpartition(".")[2] not in inner]


def _no_file(path: Path) -> Iterator[str]:
    """Say why a path is no configuration file."""
    if path.is_dir():
        inside = sorted(each.name for each in path.glob("*.y*ml"))
        yield f"--config {path} is a folder; give a file"
        yield f"in it: {listed(inside)}" if inside else "there is no YAML file in it"
        return
    yield f"--config {path}: there is no such file"
    if path.parent.is_dir():
        stems = {each.stem: str(each) for each in path.parent.glob("*.y*ml")}
        yield _meant([stems[stem] for stem in nearest(path.stem, stems)], [])
    yield "paths count from the current folder; experiments/ holds files to start from"
