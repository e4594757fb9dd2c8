"""One-line error messages for the command line, instead of tracebacks."""

from __future__ import annotations

import linecache
import os
import sys
from traceback import print_exception, walk_tb

from arseg_lightning.files import CANNOT_WRITE
from arseg_lightning.messages.cause import find_cause
from arseg_lightning.messages.parser import CommandError

__all__ = ["plain_message", "report"]


def report(error: BaseException) -> int:
    """Print what went wrong, and give the exit status.

    Of several processes that read the same command line, the first one speaks.

    Returns:
        2 for a wrong command line or configuration, 1 for what fails later.
    """
    is_wrong_command, process = isinstance(error, CommandError), os.environ.get("LOCAL_RANK", "0")
    message = plain_message(error)
    if message is None or os.environ.get("ARSEG_LIGHTNING_TRACEBACK"):
        print_exception(error)
    elif process == "0":
        print(f"error: {message}", file=sys.stderr)
    elif not is_wrong_command:
        print(f"error in process {process}: {message}", file=sys.stderr)
    return 2 if is_wrong_command else 1


def plain_message(error: BaseException) -> str | None:
    """The text of an error that was raised for users; None for any other, whose traceback helps."""
    # A parser hides what a constructor raised in its own ValueError.
    is_of_parser = isinstance(error, ValueError) and not isinstance(error, CommandError)
    error = find_cause(error).error if is_of_parser else error
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        if error.strerror != os.strerror(error.errno):  # written by us, with a remedy
            return error.strerror
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}: make room, repair the folder, or choose another"
    return str(error) if isinstance(error, CommandError) or _is_raised_here(error) else None


def _is_raised_here(error: BaseException) -> bool:
    """Whether the innermost line is a ``raise`` of this package or of Lightning."""
    if error.__traceback__ is None:
        return False
    *_, (frame, line) = walk_tb(error.__traceback__)
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals)
    return package in ("arseg_lightning", "lightning") and text.strip().startswith("raise ")
