"""Memory of arrays that is used again when nobody holds it any more."""

from __future__ import annotations

import math
import sys
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Buffers"]

ScalarT = TypeVar("ScalarT", bound=np.generic)


class Buffers:
    """Gives out arrays that will be dropped soon, as frames and fields of a stream are.

    Memory that is new to a process is zeroed by the system, page by page. That takes longer than
    to write a motion field or to convert a picture.

    Args:
        kept: How many arrays are remembered; more than that may be given out.
    """

    def __init__(self, kept: int = 4) -> None:
        self._kept = kept
        self._buffers: list[NDArray[np.uint8]] = []

    def take(self, shape: tuple[int, ...], dtype: type[ScalarT]) -> NDArray[ScalarT]:
        """An array with any content, which nothing else writes into as long as it is held."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        buffer = _free_one(self._buffers, size)
        if buffer is None:
            buffer = np.empty(size, np.uint8)
            self._buffers = [*self._buffers, buffer][-self._kept :]
        return np.ndarray(shape, dtype, buffer)


def _free_one(buffers: list[NDArray[np.uint8]], size: int) -> NDArray[np.uint8] | None:
    """A buffer of a size that nothing but the list refers to."""
    for buffer in buffers:
        # Arrays made of a buffer refer to it, and so do their views and the tensors made of them.
        if buffer.nbytes == size and sys.getrefcount(buffer) == _UNUSED:
            return buffer
    return None


def _count_unused(buffers: list[NDArray[np.uint8]]) -> int:
    for buffer in buffers:
        return sys.getrefcount(buffer)
    return 0


_UNUSED = _count_unused([np.empty(0, np.uint8)])
"""References to a buffer that nothing but a list refers to, which Pythons count differently."""
