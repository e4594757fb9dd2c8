"""The native kernels for motion, with their arguments checked."""

from __future__ import annotations

import ctypes
import functools

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.native import load, pointer
from arseg_lightning.types import BLOCK_SIZE, Motion

__all__ = ["MotionKernels", "motion_kernels"]

_POINTER, _LONG, _INT = ctypes.c_void_p, ctypes.c_long, ctypes.c_int

_PAINTED, _LATER = 0, 1

Fields = NDArray[np.int16]
Flags = NDArray[np.bool_]


@functools.cache
def motion_kernels() -> MotionKernels | None:
    """The kernels, or None where they cannot be compiled."""
    library = load("motion")
    return None if library is None else MotionKernels(library)


class MotionKernels:
    """What NumPy is slow at; every one equals the NumPy code of its caller to the last bit.

    Args:
        library: ``motion.c``, compiled.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._paint = library.paint_vectors
        self._paint.argtypes = [_POINTER, _LONG, _POINTER, _POINTER, _LONG, _LONG]
        self._fill = library.fill_unknown
        self._fill.argtypes = [_POINTER] * 2 + [_LONG] * 2 + [_POINTER] * 4
        self._push = library.push_motion
        self._push.argtypes = [_POINTER] * 4 + [_LONG] * 2 + [_INT] + [_POINTER] * 2
        self._to_pixels = library.to_pixels
        self._to_pixels.argtypes = [_POINTER] * 3 + [_LONG]
        self._unpack = library.unpack_field
        self._unpack.argtypes = [ctypes.c_char_p, _LONG, _POINTER, _POINTER, _LONG, _LONG]
        for function in (self._fill, self._push, self._to_pixels):
            function.restype = None

    def paint(self, vectors: NDArray[np.void], field: Fields, intra: Flags) -> bool | None:
        """Paint vectors of FFmpeg's layout.

        Shapes:
            field: (2, h, w)   intra: (h, w)   returns: whether one leads to a later frame; None
                if there is one that the kernel does not know
        """
        height, width = intra.shape
        outcome = self._paint(
            pointer(np.ascontiguousarray(vectors), vectors.dtype),
            len(vectors),
            pointer(field, np.int16, (2, height, width), written=True),
            pointer(intra, np.bool_, written=True),
            height,
            width,
        )
        return {_PAINTED: False, _LATER: True}.get(outcome)

    def fill(self, field: Fields, unknown: Flags) -> None:
        """Fill in unknown cells, which are zero, in place.

        Shapes:
            field: (2, h, w)   unknown: (h, w)
        """
        height, width = unknown.shape
        plane = (height + 2, width + 2)
        xy, states = np.empty((2, *plane), np.float32), np.empty(plane, np.uint8)
        queues, means = np.empty((2, *plane), np.int32), np.empty((2, *plane), np.float32)
        self._fill(
            pointer(field, np.int16, (2, height, width), written=True),
            pointer(unknown, np.bool_),
            height,
            width,
            *(part.ctypes.data for part in (xy, states, queues, means)),
        )

    def push(
        self,
        field: Fields,
        intra: Flags,
        before: Fields | None,
        after: Fields,
        rounds: bool,
        motion: Motion | None = None,
    ) -> None:
        """Compose a step on the block grid with the motion before it.

        Args:
            field: The step.
            intra: Where it is filled in.
            before: Motion of each pixel of the frame before: x in quarter pixels, then twice y,
                plus 1 where it is not valid. None behind a keyframe.
            after: Is overwritten with the motion of the frame.
            rounds: Whether steps are rounded to whole pixels.
            motion: Is overwritten with the same in pixels.

        Shapes:
            field: (2, h, w)   intra: (h, w)   before, after: (H, W, 2)   motion: (2, H, W), (H, W)
        """
        height, width, _ = after.shape
        cells = -(-height // BLOCK_SIZE), -(-width // BLOCK_SIZE)
        self._push(
            pointer(field, np.int16, (2, *cells)),
            pointer(intra, np.bool_, cells),
            None if before is None else pointer(before, np.int16, (height, width, 2)),
            pointer(after, np.int16, (height, width, 2), written=True),
            height,
            width,
            rounds,
            *((None, None) if motion is None else _pointers(motion, height, width)),
        )

    def to_pixels(self, pairs: Fields, motion: Motion) -> None:
        """Take apart what :meth:`push` wrote.

        Shapes:
            pairs: (H, W, 2)   motion: (2, H, W), (H, W)
        """
        height, width, _ = pairs.shape
        pointers = _pointers(motion, height, width)
        self._to_pixels(pointer(pairs, np.int16), *pointers, height * width)

    def unpack(self, content: bytes, field: Fields, intra: Flags) -> bool:
        """Read packed block motion; False if the bytes are none of this size.

        Shapes:
            field: (2, h, w)   intra: (h, w)
        """
        height, width = intra.shape
        refused = self._unpack(
            content,
            len(content),
            pointer(field, np.int16, (2, height, width), written=True),
            pointer(intra, np.bool_, written=True),
            height,
            width,
        )
        return not refused


def _pointers(motion: Motion, height: int, width: int) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
    return (
        pointer(motion.xy, np.float32, (2, height, width), written=True),
        pointer(motion.valid, np.bool_, (height, width), written=True),
    )
