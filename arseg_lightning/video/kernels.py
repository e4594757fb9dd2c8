"""The native kernels for motion, with their arguments checked."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.native import load, pointer
from arseg_lightning.types import BLOCK_SIZE, Motion

if TYPE_CHECKING:
    from arseg_lightning.video.motion import BlockMotion
    from arseg_lightning.video.vectors import Candidates

__all__ = ["MotionKernels", "motion_kernels"]

_POINTER, _LONG, _INT = ctypes.c_void_p, ctypes.c_long, ctypes.c_int

_REFUSED, _WITH_REFERENCES = 1, 2

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
        self._match = library.match_vectors
        self._match.argtypes = [_POINTER, _LONG, *[_POINTER] * 3, *[_LONG] * 8, *[_POINTER] * 4]
        self._refine = library.refine_vectors
        self._refine.argtypes = [*[_POINTER] * 3, *[_LONG] * 7, *[_POINTER] * 3]
        self._refine.restype = None
        self._fill = library.fill_unknown
        self._fill.argtypes = [_POINTER] * 3 + [_LONG] * 2 + [_POINTER] * 4
        self._push = library.push_motion
        self._push.argtypes = [_POINTER] * 5 + [_LONG] * 2 + [_INT] + [_POINTER] * 2
        self._to_pixels = library.to_pixels
        self._to_pixels.argtypes = [_POINTER] * 3 + [_LONG]
        self._relate = library.relate_motion
        self._relate.argtypes = [_POINTER] * 6 + [_LONG] * 2
        self._unpack = library.unpack_field
        self._unpack.argtypes = [ctypes.c_char_p, _LONG, *[_POINTER] * 3, *[_LONG] * 2]
        for function in (self._match, self._fill, self._push, self._to_pixels, self._relate):
            function.restype = None

    def match(
        self,
        vectors: NDArray[np.void],
        size: tuple[int, int],
        candidates: Candidates | None,
        limits: tuple[int, int, int, int],
        planes: tuple[Fields, NDArray[np.int8], NDArray[np.uint8], Flags],
    ) -> None:
        """Find what vectors of FFmpeg's layout lead to.

        Args:
            vectors: The vectors.
            size: Height and width of the picture.
            candidates: What they may lead to.
            limits: Of errors, see video/vectors.py.
            planes: Field, references, errors and intra, which are written to.
        """
        vectors = np.ascontiguousarray(vectors)
        cells = -(-size[0] // BLOCK_SIZE), -(-size[1] // BLOCK_SIZE)
        field, references, errors, intra = planes
        pictures = (None, None, None, 0, 0) if candidates is None else _pictures(candidates, size)
        self._match(
            pointer(vectors, vectors.dtype),
            len(vectors),
            *pictures,
            *size,
            *limits,
            pointer(field, np.int16, (2, *cells), written=True),
            pointer(references, np.int8, cells, written=True),
            pointer(errors, np.uint8, cells, written=True),
            pointer(intra, np.bool_, cells, written=True),
        )

    def refine(
        self,
        planes: tuple[Fields, NDArray[np.int8], Flags],
        size: tuple[int, int],
        candidates: Candidates,
        limits: tuple[int, int, int],
    ) -> None:
        """Give blocks the motion of others beside them where that fits better.

        Args:
            planes: Field, references and intra; the first two are written to.
            size: Height and width of the picture.
            candidates: What they lead to.
            limits: Of errors, see video/refinement.py.
        """
        cells = -(-size[0] // BLOCK_SIZE), -(-size[1] // BLOCK_SIZE)
        self._refine(
            *_pictures(candidates, size),
            *size,
            *limits,
            pointer(planes[0], np.int16, (2, *cells), written=True),
            pointer(planes[1], np.int8, cells, written=True),
            pointer(planes[2], np.bool_, cells),
        )

    def fill(self, field: Fields, unknown: Flags, references: NDArray[np.int8] | None) -> None:
        """Fill in unknown cells, and what they lead to, in place.

        Shapes:
            field: (2, h, w)   unknown, references: (h, w)
        """
        height, width = unknown.shape
        plane = (height + 2, width + 2)
        xy, states = np.empty((2, *plane), np.float32), np.empty(plane, np.uint8)
        queues, means = np.empty((2, *plane), np.int32), np.empty((2, *plane), np.float32)
        self._fill(
            pointer(field, np.int16, (2, height, width), written=True),
            pointer(unknown, np.bool_),
            None if references is None else pointer(references, np.int8, written=True),
            height,
            width,
            *(part.ctypes.data for part in (xy, states, queues, means)),
        )

    def relate(self, frame: Motion, keyframe: Motion) -> Motion:
        """The motion of one frame to another, of both to a third."""
        height, width = frame.size
        found = Motion.zero(height, width)
        motions = (*_pointers(frame, height, width), *_pointers(keyframe, height, width))
        self._relate(*motions, *_pointers(found, height, width), height, width)
        return found

    def push(
        self,
        step: BlockMotion,
        before: Mapping[int, Fields | None],
        after: Fields,
        rounds: bool,
        motion: Motion | None = None,
    ) -> None:
        """Compose a step on the block grid with the motion of the frames that it leads to.

        Args:
            step: The step.
            before: By reference, the motion of each pixel: x in quarter pixels, then twice y,
                plus 1 where it is not valid. None for the keyframe.
            after: Is overwritten with the motion of the frame.
            rounds: Whether steps are rounded to whole pixels.
            motion: Is overwritten with the same in pixels.

        Shapes:
            before, after: (H, W, 2)   motion: (2, H, W), (H, W)
        """
        height, width, _ = after.shape
        cells = -(-height // BLOCK_SIZE), -(-width // BLOCK_SIZE)
        field, intra = np.ascontiguousarray(step.quarter_pixels), np.ascontiguousarray(step.intra)
        table = (_POINTER * 256)()
        for reference, pairs in before.items():
            if pairs is not None:
                table[reference % 256] = pointer(pairs, np.int16, (height, width, 2)).value
        references = step.references
        self._push(
            pointer(field, np.int16, (2, *cells)),
            pointer(intra, np.bool_, cells),
            None if references is None else pointer(references, np.int8, cells),
            table,
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

    def unpack(
        self, content: bytes, grid: tuple[int, int]
    ) -> tuple[Fields, Flags, NDArray[np.int8] | None] | None:
        """Read packed block motion of a height and width; None if the bytes are none.

        Shapes:
            returns: (2, h, w), (h, w), (h, w)
        """
        field, intra = np.empty((2, *grid), np.int16), np.empty(grid, np.bool_)
        references = np.empty(grid, np.int8)
        outcome = self._unpack(
            content,
            len(content),
            pointer(field, np.int16, written=True),
            pointer(intra, np.bool_, written=True),
            pointer(references, np.int8, written=True),
            *grid,
        )
        if outcome == _REFUSED:
            return None
        return field, intra, references if outcome == _WITH_REFERENCES else None


def _pictures(candidates: Candidates, size: tuple[int, int]) -> tuple[Any, Any, Any, int, int]:
    """A picture and its candidates as the kernels take them, and how many are on each side."""
    every = ((0, candidates.luma), *candidates.earlier, *candidates.later)
    return (
        (_POINTER * len(every))(*(_rows(luma, size) for _, luma in every)),
        (_LONG * len(every))(*(luma.strides[0] for _, luma in every)),
        (ctypes.c_int8 * len(every))(*(offset for offset, _ in every)),
        len(candidates.earlier),
        len(candidates.later),
    )


def _rows(luma: NDArray[np.uint8], size: tuple[int, int]) -> int:
    """The address of a picture whose rows may lie apart."""
    if luma.dtype != np.uint8 or luma.shape != size or luma.strides[1] != 1:
        raise ValueError(f"a picture is uint8 of {size}, got {luma.dtype} {luma.shape}")
    return int(luma.__array_interface__["data"][0])


def _pointers(motion: Motion, height: int, width: int) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
    return (
        pointer(motion.xy, np.float32, (2, height, width), written=True),
        pointer(motion.valid, np.bool_, (height, width), written=True),
    )
