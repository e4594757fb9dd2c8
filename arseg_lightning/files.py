"""Atomic writes, file locks, remedies for errors of the disk, and JSON as dataclasses."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import is_dataclass
from pathlib import Path
from shutil import rmtree
from types import NoneType
from typing import Any, cast, get_args, get_origin, get_type_hints

from filelock import FileLock, Timeout

__all__ = ["CANNOT_WRITE", "FileLock", "LockedElsewhere", "building", "from_json", "lock_file"]
__all__ += ["natural_key", "new_folder", "partial_path", "remedy_for", "replacing", "write_atomic"]

CANNOT_WRITE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
)
"""Numbers of errors that stop all writing to a folder: no space, no permission."""


class LockedElsewhere(Exception):
    """Another process holds the lock."""


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Sort key that puts frame 9 before frame 10."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def partial_path(path: Path) -> Path:
    """A hidden name of the same ending beside a file, which no other process writes to."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")


@contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """Give a writer a temporary path to fill, which then replaces the file.

    No reader ever sees a part of it. If the block fails, nothing of it is left and an older file
    stays; the same after a crash, but for a hidden file.

    Args:
        path: The file; its folder is created.
        durable: Whether to wait until it is on the disk: else a machine that stops may leave an
            incomplete file.

    Raises:
        OSError: If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    try:
        yield partial
        if durable:
            with partial.open("r+b") as file:
                os.fsync(file.fileno())  # some disks say only now that they are full
        partial.replace(path)
    finally:
        with suppress(OSError):  # it is gone if all went well; the folder may be what failed
            partial.unlink()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a writer a temporary folder to fill, which gets its name when the block has ended well.

    If the block fails, nothing of it is left.

    Raises:
        OSError: If it cannot be written, or there is something of that name.
    """
    partial = partial_path(path)
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.rename(path)
    finally:
        rmtree(partial, ignore_errors=True)


def write_atomic(path: Path, content: str | bytes | memoryview) -> None:
    """Write a file, text as UTF-8, so that a reader sees all of the old one or all of the new one.

    Raises:
        OSError: If it cannot be written; nothing of it is left then.
    """
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def lock_file(path: Path, wait: bool = False) -> FileLock:
    """Lock a file until the lock is released, or this process ends, however that ends.

    Forked processes, such as loader workers, hold no lock, although they may outlive this one. On
    disks without locks, or that cannot be written, there is none (``is_locked``).

    Args:
        path: The file; it and its folder are created.
        wait: Whether to wait until nobody else holds it.

    Raises:
        LockedElsewhere: If another process holds it, unless ``wait``.
    """
    # No "soft" locks, which are files whose being there is the lock: they outlive a crash.
    lock = FileLock(path, timeout=-1 if wait else 0, thread_local=False, fallback_to_soft=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise LockedElsewhere(f"{path} is locked by another process") from error
    except OSError:
        pass
    return lock


@contextmanager
def building(target: Path) -> Iterator[bool]:
    """Wait until no other process builds a file, then tell whether it is still missing.

    On disks without locks several may build: each must write atomically (:func:`replacing`).
    """
    if target.is_file():
        yield False
        return
    path = target.with_name(f".{target.name}.lock")
    lock = lock_file(path, wait=True)
    try:
        yield not target.is_file()
    finally:
        if lock.is_locked:
            with suppress(OSError):  # removed while it is locked: those who wait open a new one
                path.unlink()
        lock.release()


def remedy_for(error: BaseException, otherwise: str) -> str:
    """What to do so that a file can be written, by the number of the error that stopped it."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOTDIR, errno.EEXIST):
        return "one of the folders in its path is a file; choose another path"
    if number == errno.EISDIR:
        return "there is a folder of that name; choose another"
    if number in CANNOT_WRITE or number == errno.EFBIG:
        return "make room, repair the folder, or choose another"
    return otherwise


def from_json(kind: Any, value: Any) -> Any:
    """Make of JSON's value what a type says: its dataclasses, tuples, and NaN where null is.

    Raises:
        KeyError, TypeError, ValueError: If it is something else; keys too many are left out.
    """
    parts, origin = get_args(kind), get_origin(kind)
    if is_dataclass(kind):
        hints, make = get_type_hints(kind), cast(Any, kind)
        return make(
            **{name: from_json(hints[name], value[name]) for name in hints if name in value}
        )
    if kind is float:
        return float("nan" if value is None else value)
    if NoneType in parts:
        (wanted,) = {*parts} - {NoneType}
        return None if value is None else from_json(wanted, value)
    if origin is tuple:
        kinds = [parts[0]] * len(value) if parts[-1] is ... else parts
        return tuple(from_json(*pair) for pair in zip(kinds, value, strict=True))
    if origin in (dict, Mapping):
        return {key: from_json(parts[1], each) for key, each in value.items()}
    return value
