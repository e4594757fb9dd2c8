"""Writes files so that there is always a whole one, whatever ends the writing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, content: str | memoryview) -> None:
    """Let a file have a content, or leave it as it is; no reader ever sees a part of it.

    For files that one process writes at a time.

    Args:
        path: The file; its folder exists.
        content: What it is to hold; text is written as UTF-8.

    Raises:
        OSError: If it cannot be written; nothing of it is left then.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise
