"""Makes a file once, however many processes want it at the same time."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["building"]

_FORGOTTEN_SECONDS = 3600.0
"""A part that was not written to for so long belongs to a process that was killed."""


@contextmanager
def building(target: Path) -> Iterator[bool]:
    """Wait until nobody else makes a file, then say whether it is still to be made.

    Whoever makes it holds a lock beside it, which ends with its process, also a killed one. Disks
    that have no locks, or cannot be written, are used without: whoever makes the file must put it
    in place complete, so that the lock saves work and correctness does not depend on it.

    Args:
        target: The file.
    """
    if target.is_file():
        yield False
        return
    lock = target.with_name(f".{target.name}.lock")
    held = _acquire(lock)
    try:
        missing = not target.is_file()
        if missing:
            _remove_forgotten_parts(target)
        yield missing
    finally:
        if held is not None:
            with suppress(OSError):  # it is locked until it is gone: who waits looks again
                lock.unlink()
            os.close(held)


def _acquire(lock: Path) -> int | None:
    """Wait for a lock; None where there can be none."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if _is_at(file, lock):
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)
    except OSError:
        return None


def _is_at(file: int, path: Path) -> bool:
    """Tell whether an open file still has its name; the process before may have removed it."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _remove_forgotten_parts(target: Path) -> None:
    """Give back the space of builds that were killed."""
    stem, suffix = re.escape(target.stem), re.escape(target.suffix)
    part = re.compile(rf"\.{stem}\.\d+-[0-9a-f]{{8}}{suffix}")
    with suppress(OSError):
        for entry in os.scandir(target.parent):
            if part.fullmatch(entry.name):
                with suppress(OSError):
                    if time.time() - entry.stat().st_mtime > _FORGOTTEN_SECONDS:
                        Path(entry.path).unlink()
