"""A command line parser with short error messages."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace
from omegaconf.errors import OmegaConfBaseException

from arseg_lightning.messages.cause import find_cause
from arseg_lightning.messages.config_file import ConfigFile
from arseg_lightning.messages.explain import Explanation

__all__ = ["PROGRAM", "CommandError", "PlainMessages"]

PROGRAM = "python -m arseg_lightning"


class CommandError(ValueError):
    """A command line or a configuration that is refused; its text is the message."""


class PlainMessages(ArgumentParser):
    """A parser that raises :class:`CommandError` with a short message: no usage, no exit.

    Differs: jsonargparse prints the usage, all types and every failed attempt, and exits. It takes
    abbreviated flags, and of a key that a file has twice the last one; both are refused here.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False} | kwargs)
        self._files: list[ConfigFile] = []

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse what was given.

        Raises:
            CommandError: Always, unless this parser is one of a class's arguments.
        """
        if not self.exit_on_error:  # the outer parser writes the message
            super().error(message, ex)
        cause = find_cause(ex or argparse.ArgumentError(None, message))
        action = self._subcommands_action
        inner = action.choices.values() if action else []
        files = [file for parser in [self, *inner] for file in parser._files]
        raise CommandError(Explanation(self, cause, files).text()) from ex

    def parse_args(self, *args: Any, **kwargs: Any) -> Namespace:  # type: ignore[override]
        """Parse a command line; an interpolation that leads nowhere is refused as the rest."""
        self._files.clear()
        try:
            return super().parse_args(*args, **kwargs)
        except OmegaConfBaseException as error:
            self.error(str(error), error)

    def parse_path(self, path: Any, *args: Any, **kwargs: Any) -> Namespace:
        """Parse a configuration file, and remember it for messages."""
        if "://" not in str(path):
            self.remember(Path(path))
        content: Namespace = super().parse_path(path, *args, **kwargs)
        return content

    def remember(self, path: Path) -> None:
        """Name a configuration file and its lines in messages about what it holds.

        Raises:
            CommandError: If the file is no YAML or no mapping, or has a key twice or a value for
                a section.
        """
        try:
            file = ConfigFile(str(path), path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise CommandError(f"{path} is no text in UTF-8 ({error.reason}); save it so") from None
        if fault := file.fault(sections=self.groups or ()):
            raise CommandError(fault)
        self._files.append(file)
