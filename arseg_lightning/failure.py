"""What went wrong, in the words that were written for a reader instead of a traceback."""

from __future__ import annotations

import errno
import os
import re

__all__ = ["plain_message"]

_VARIABLE = "ARSEG_LIGHTNING_TRACEBACK"
_UNION = "Does not validate against any of the Union subtypes"
_ATTEMPT = re.compile(r"^  - (?P<message>.*(?:\n    .*)*)", re.MULTILINE)
_DISK = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOTDIR))
"""What a disk says that takes nothing, to whoever happens to write next."""
_OF_LIGHTNING = "MisconfigurationException"
_MEANINGLESS = "Expected a <class 'NoneType'>"


def plain_message(error: BaseException) -> str | None:
    """Say what went wrong, if the error was raised on purpose by this package.

    Args:
        error: What ended the program.

    Returns:
        The message; None if only the traceback tells enough: for an error from elsewhere that is
        not the disk's and no setting that Lightning refuses, or when the variable
        ``ARSEG_LIGHTNING_TRACEBACK`` is set.
    """
    if os.environ.get(_VARIABLE):
        return None
    if type(error).__name__ == _OF_LIGHTNING:
        return _with_hint(str(error))
    if not isinstance(error, ValueError | OSError | TypeError):
        return None
    message = _from_constructor(str(error)) if _UNION in str(error) else None
    message = message or _of_a_disk(error)
    if message is None and _raised_here(error):
        message = str(error)
    return message and _with_hint(message)


def _with_hint(message: str) -> str:
    return f"{message}\n({_VARIABLE}=1 shows where it was raised)"


def _of_a_disk(error: BaseException) -> str | None:
    """Name the file, if the system does, and the remedy; unless we have put it in words before."""
    if not isinstance(error, OSError) or error.errno not in _DISK:
        return None
    if error.strerror != os.strerror(error.errno):
        return error.strerror
    where = f" ({error.filename})" if error.filename else ""
    return (
        f"{error.strerror}{where}: make room, mend the folder, or choose another; then the same "
        f"command goes on with what is there"
    )


def _raised_here(error: BaseException) -> bool:
    """Tell whether the innermost frame is this package's."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    name = str(trace.tb_frame.f_globals.get("__name__", ""))
    return name.split(".")[0] == "arseg_lightning"


def _from_constructor(text: str) -> str | None:
    """Find what a constructor said in what the parser made of it: a list of failed attempts."""
    attempts = [match["message"].strip() for match in _ATTEMPT.finditer(text)]
    meant = [attempt for attempt in attempts if attempt != _MEANINGLESS and _UNION not in attempt]
    return meant[0] if len(meant) == 1 else None
