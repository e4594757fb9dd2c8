"""A command line parser whose errors are one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from arseg_lightning.messages.cause import find_cause
from arseg_lightning.messages.explain import explain

__all__ = ["PROGRAM", "CommandError", "PlainMessages"]

PROGRAM = "python -m arseg_lightning"


class CommandError(ValueError):
    """A command line or a configuration that is refused; its text is the message."""


class PlainMessages(ArgumentParser):
    """A parser that raises :class:`CommandError` with one line: no usage, no exit.

    Differs: jsonargparse prints the usage, all types and every failed attempt, and exits. It takes
    abbreviated flags, and of a key that a file has twice the last one; both are refused here.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False} | kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse what was given.

        Raises:
            CommandError: Always, unless this parser is one of a class's arguments.
        """
        if not self.exit_on_error:  # the outer parser writes the message
            super().error(message, ex)
        raise CommandError(explain(self, find_cause(ex or ValueError(message)))) from ex

    def parse_args(self, *args: Any, **kwargs: Any) -> Namespace:  # type: ignore[override]
        """Parse a command line; an interpolation that leads nowhere is refused as the rest."""
        try:
            return super().parse_args(*args, **kwargs)
        except OmegaConfBaseException as error:
            raise CommandError(
                f"{error.full_key}: {str(error).splitlines()[0]}; a variable that may be missing "
                f"is written ${{oc.env:NAME,DEFAULT}}"
            ) from error

    def parse_path(self, path: Any, *args: Any, **kwargs: Any) -> Namespace:
        """Parse a configuration file."""
        if "://" not in str(path):
            check_file(Path(path))
        content: Namespace = super().parse_path(path, *args, **kwargs)
        return content


def check_file(path: Path) -> None:
    """Refuse a configuration file that is no YAML of keys, or has a key twice.

    Raises:
        CommandError: If it is.
    """
    try:
        content = OmegaConf.load(path)
    except (YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, DictConfig) or not (content or path.read_text().strip()):
        raise CommandError(f"{path} holds no keys; a configuration is made of keys: `data:` …")
