"""Locks on files, which end with the process that holds them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["FileLock", "LockedElsewhere", "building", "lock_file"]

_FORGOTTEN_SECONDS = 3600.0
"""A part that was not written to for so long belongs to a process that was killed."""


class LockedElsewhere(Exception):
    """Another process holds the lock."""


def lock_file(path: Path, wait: bool = False) -> FileLock | None:
    """Lock a file until the lock is released, or this process ends, however that ends.

    The lock is this process's own: loader workers and others that it was forked into hold none,
    although they may outlive it.

    Args:
        path: The file; it and its folder are made if they are not there.
        wait: Whether to wait for who holds it.

    Returns:
        The lock; None where there can be none: on disks without locks, or that cannot be written.

    Raises:
        LockedElsewhere: If it is held, and nobody is to wait.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # No "soft" locks, which are files whose being there is the lock: they outlive a crash.
        lock = FileLock(path, timeout=-1 if wait else 0, thread_local=False, fallback_to_soft=False)
        lock.acquire()
    except Timeout as error:
        raise LockedElsewhere(f"{path} is locked by another process") from error
    except OSError:
        return None
    return lock


@contextmanager
def building(target: Path) -> Iterator[bool]:
    """Wait until nobody else makes a file, then say whether it is still to be made.

    Whoever makes it holds a lock beside it. Disks that have no locks are used without: whoever
    makes the file must put it in place complete, so that the lock saves work and correctness does
    not depend on it.

    Args:
        target: The file.
    """
    if target.is_file():
        yield False
        return
    path = target.with_name(f".{target.name}.lock")
    lock = lock_file(path, wait=True)
    try:
        missing = not target.is_file()
        if missing:
            _remove_forgotten_parts(target)
        yield missing
    finally:
        if lock is not None:
            with suppress(OSError):  # it is locked until it is gone: who waits looks again
                path.unlink()
            lock.release()


def _remove_forgotten_parts(target: Path) -> None:
    """Give back the space of builds that were killed."""
    stem, suffix = re.escape(target.stem), re.escape(target.suffix)
    part = re.compile(rf"\.{stem}\.\d+-[0-9a-f]{{8}}{suffix}")
    with suppress(OSError):
        for path in target.parent.iterdir():
            if part.fullmatch(path.name):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                        path.unlink()
