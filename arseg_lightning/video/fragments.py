"""MP4 files in fragments: whatever happens to the writer, what is complete can be played."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

__all__ = ["FRAGMENT_OPTIONS", "FragmentFile"]

FRAGMENT_OPTIONS = {
    "movflags": "hybrid_fragmented",
    "frag_duration": "1000000",
    "max_interleave_delta": "1000000",
}
"""FFmpeg writes a fragment a second, and makes an ordinary file of them at the end.

A second is also how long pictures wait for sound that is silent, or comes later.
"""

_BOX_HEADER, _LONG_BOX_HEADER = 8, 16


class FragmentFile:
    """A file that FFmpeg writes an MP4 to, and that can be cut back to its complete fragments.

    After a write that failed it takes no more and says nothing: FFmpeg writes an end when a
    container is closed, which would spoil what is there.

    Args:
        path: The file; it is created.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.failed = False

    def write(self, data: bytes) -> int:
        """Write all of it, or raise what stands against it."""
        view = memoryview(data)
        if self.failed:
            return len(view)
        done = 0
        try:
            while done < len(view):
                done += self._file.write(view[done:]) or 0
        except BaseException:  # also Ctrl-C: what follows would leave a gap
            self.failed = True
            raise
        return done

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; FFmpeg goes back to the start at the end."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()

    def cut(self) -> bool:
        """Cut behind the last complete fragment; tells whether there is one."""
        end = _complete_length(self._file)
        self._file.truncate(end)
        return end > 0

    def release(self) -> None:
        """Let go of the file."""
        self._file.close()


def _complete_length(file: BinaryIO) -> int:
    """Where the last complete fragment ends: each one ends with its pictures, ``mdat``."""
    size = file.seek(0, os.SEEK_END)
    place = end = 0
    while place + _BOX_HEADER <= size:
        file.seek(place)
        header = file.read(_LONG_BOX_HEADER)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if length < _BOX_HEADER or place + length > size:
            break
        place += length
        if kind == b"mdat":
            end = place
    return end
