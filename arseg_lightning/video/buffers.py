"""Memory of arrays that is used again when nobody holds it any more."""

from __future__ import annotations

import math
import mmap
import sys
from contextlib import suppress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Buffers"]

ScalarT = TypeVar("ScalarT", bound=np.generic)

_HUGE_PAGE = 2**21
_GRAIN = 65_536
"""Bytes to which sizes are rounded up, so that vectors, of any number, find a buffer too."""


class Buffers:
    """Gives out arrays that will be dropped soon, as frames and fields of a stream are.

    Memory that is new to a process is zeroed by the system, page by page. That takes longer than
    to write a motion field or to convert a frame.

    Args:
        kept: How many arrays are remembered; more than that may be given out.
    """

    def __init__(self, kept: int = 4) -> None:
        self._kept = kept
        self._buffers: list[NDArray[np.uint8]] = []

    def take(
        self, shape: tuple[int, ...], dtype: type[ScalarT] | np.dtype[ScalarT]
    ) -> NDArray[ScalarT]:
        """An array with any content, which nothing else writes into as long as it is held."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        buffer = _free_one(self._buffers, size)
        if buffer is None:
            buffer = _allocate(size // _GRAIN * _GRAIN + _GRAIN)
            self._buffers = [*self._buffers, buffer][-self._kept :]
        return np.ndarray(shape, dtype, buffer)


def _allocate(size: int) -> NDArray[np.uint8]:
    """New memory, in pages of 2 MiB as far as there are such."""
    if size < _HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(size, np.uint8)
    size += -size % _HUGE_PAGE
    mapping = mmap.mmap(-1, size + _HUGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a system may be built without them
        mapping.madvise(mmap.MADV_HUGEPAGE)
    start = -np.frombuffer(mapping, np.uint8).ctypes.data % _HUGE_PAGE
    # No slice: a view of a slice refers to what was sliced, which would hide that it is in use.
    return np.frombuffer(mapping, np.uint8, size, start)


def _free_one(buffers: list[NDArray[np.uint8]], size: int) -> NDArray[np.uint8] | None:
    """A buffer of at least a size, not much more, that nothing but the list refers to."""
    for buffer in buffers:
        # Arrays made of a buffer refer to it, and so do their views and the tensors made of them.
        if size <= buffer.nbytes <= 2 * size + _GRAIN and sys.getrefcount(buffer) == _UNUSED:
            return buffer
    return None


def _count_unused(buffers: list[NDArray[np.uint8]]) -> int:
    for buffer in buffers:
        return sys.getrefcount(buffer)
    return 0


_UNUSED = _count_unused([np.empty(0, np.uint8)])
"""References to a buffer that nothing but a list refers to, which Pythons count differently."""
