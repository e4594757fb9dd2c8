"""One-line error messages for the command line, instead of tracebacks."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from pathlib import Path
from traceback import extract_tb, walk_tb

from arseg_lightning.files import CANNOT_WRITE
from arseg_lightning.messages.cause import find_cause
from arseg_lightning.messages.parser import CommandError

__all__ = ["plain_message", "report"]

_VARIABLE = "ARSEG_LIGHTNING_TRACEBACK"
_OURS = str(Path(__file__).parents[1])
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def report(error: BaseException) -> int:
    """Print what went wrong, and give the exit status.

    Of several processes that read the same command line, the first one speaks.

    Returns:
        2 for a wrong command line or configuration, 1 for what fails later.

    Raises:
        BaseException: The error itself, if its traceback is wanted.
    """
    message = plain_message(error)
    if message is None:
        raise error
    process = os.environ.get("LOCAL_RANK", "0")
    is_first, is_wrong_command = process == "0", isinstance(error, CommandError)
    if is_first or not is_wrong_command:
        print(f"error{'' if is_first else f' in process {process}'}: {message}", file=sys.stderr)
    return 2 if is_wrong_command else 1


def plain_message(error: BaseException) -> str | None:
    """What went wrong, in at most ten lines.

    Returns:
        The message: of an error that was raised for users its text; of any other its type, its
        text, and the innermost lines of the user's code, or of ours. None if the variable
        ``ARSEG_LIGHTNING_TRACEBACK`` is set: then the traceback tells more.
    """
    if os.environ.get(_VARIABLE):
        return None
    if isinstance(error, CommandError):
        return str(error)
    # A parser hides what a constructor raised in its own ValueError.
    error = find_cause(error).error if isinstance(error, ValueError) else error
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        message = error.strerror or ""
        if message == os.strerror(error.errno):  # else it was written by us, with a remedy
            where = f" ({error.filename})" if error.filename else ""
            message += f"{where}: make room, repair the folder, or choose another"
    else:
        message = str(error) if _is_meant_for_users(error) else ""
    return f"{message or _with_location(error)}\n({_VARIABLE}=1 shows where it was raised)"


def _is_meant_for_users(error: BaseException) -> bool:
    """Whether the innermost line is a ``raise`` of this package or of Lightning."""
    if error.__traceback__ is None:
        return False
    *_, (frame, line) = walk_tb(error.__traceback__)
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals)
    return package in ("arseg_lightning", "lightning") and text.strip().startswith("raise ")


def _with_location(error: BaseException) -> str:
    """The type, the text, and the lines where it happened: the user's, or else the innermost."""
    first, *others = str(error).strip().splitlines() or [""]
    message = [f"{type(error).__name__}: {first}".rstrip(": "), *others[:4]]
    lines = extract_tb(error.__traceback__)
    # A user's own class is where they can change something; of a bug of ours, the line is for us.
    ours = [line for line in lines if line.filename.startswith(_OURS)]
    users = [line for line in lines if not line.filename.startswith((_OURS, *_LIBRARIES, "<"))]
    shown = users[-1:]
    if ours and (not users or lines.index(ours[-1]) > lines.index(users[-1])):
        shown.append(ours[-1])  # what the user called, and where it ended
    for line in shown or lines[-1:]:
        file = line.filename.removeprefix(f"{Path(_OURS).parent}{os.sep}")
        message.append(f"  in {file}, line {line.lineno}, in {line.name}: {line.line}")
    return "\n".join(message)
