"""Vectors and motion as NumPy's files: one archive a video, one a frame, or records in a pipe."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.files import replacing, write_atomic
from arseg_lightning.video.extraction import MotionFrame, VectorFrame
from arseg_lightning.video.vectors import VECTOR

__all__ = [
    "PACKED_VECTOR",
    "read_records",
    "write_frame_files",
    "write_records",
    "write_video_file",
]

AnyFrame = VectorFrame | MotionFrame
Write = Callable[[AnyFrame], None]
"""Takes the next frame."""

PACKED_VECTOR = np.dtype([(name, VECTOR[name].newbyteorder("<")) for name in VECTOR.names or ()])
"""The fields of VECTOR without gaps, little endian, as files have them: 32 bytes."""

_HEADER = np.dtype(
    [
        ("index", "<i8"),
        ("pts_seconds", "<f8"),
        ("picture_type", "<U1"),
        ("reference", "<i8"),  # -1 for none
        ("height", "<i4"),
        ("width", "<i4"),
    ]
)
"""What files say of a frame beside its arrays."""


@contextmanager
def write_video_file(path: Path) -> Iterator[Write]:
    """Write all frames to one NPZ archive, which appears when it is complete.

    Its arrays are ``frames`` (a header a frame), and for each ``vectors_000000``, or
    ``motion_000000`` and ``valid_000000``, by its index. Memory holds one frame at a time.
    """
    headers = list[NDArray[np.void]]()
    with (
        replacing(path) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):

        def write(frame: AnyFrame) -> None:
            headers.append(_header(frame))
            for name, array in _arrays(frame).items():
                _add(archive, f"{name}_{frame.index:06d}", array)

        yield write
        _add(archive, "frames", np.array(headers, _HEADER))


@contextmanager
def write_frame_files(folder: Path) -> Iterator[Write]:
    """Write each frame to an NPZ archive of its own, ``000000.npz`` by its index.

    Its arrays are ``frame`` (the header), and ``vectors``, or ``motion`` and ``valid``.
    """

    def write(frame: AnyFrame) -> None:
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, frame=_header(frame), **_arrays(frame))
        write_atomic(folder / f"{frame.index:06d}.npz", content.getvalue())

    yield write


@contextmanager
def write_records(file: IO[bytes]) -> Iterator[Write]:
    """Write frames as NPY records one after another.

    A frame is two or three of them: the header (0-d), then ``vectors``, or ``motion`` and
    ``valid``.
    """

    def write(frame: AnyFrame) -> None:
        content = io.BytesIO()
        for array in (_header(frame), *_arrays(frame).values()):
            np.lib.format.write_array(content, array, allow_pickle=False)
        file.write(content.getbuffer())
        file.flush()

    yield write


def read_records(file: IO[bytes]) -> Iterator[AnyFrame]:
    """Read the frames that ``vectors --out -`` writes, from a pipe or an open file.

    Raises:
        ValueError: If the stream is something else, or breaks off within a frame.
    """
    while first := file.read(1):
        header = _read(file, first)
        if header.dtype != _HEADER:
            raise ValueError(
                f"a record of a frame has the type {_HEADER}, got {header.dtype}; read what "
                f"`vectors --out -` writes, from its start"
            )
        index, seconds, picture_type, reference, height, width = header.item()
        array = _read(file)
        if array.dtype == PACKED_VECTOR:
            vectors = array.astype(VECTOR)
            yield VectorFrame(index, seconds, picture_type, (height, width), vectors)
        else:
            leads_to = None if reference < 0 else reference
            yield MotionFrame(index, seconds, picture_type, leads_to, array, _read(file))


class _Bytes:
    """A stream that only reads: NumPy asks real files for their position, and pipes have none."""

    def __init__(self, file: IO[bytes], first: bytes) -> None:
        self._file, self._first = file, first

    def read(self, count: int) -> bytes:
        first, self._first = self._first, b""
        return first + self._file.read(count - len(first))


def _read(file: IO[bytes], first: bytes = b"") -> NDArray[Any]:
    stream = cast(IO[bytes], _Bytes(file, first))
    return np.lib.format.read_array(stream, allow_pickle=False)


def _header(frame: AnyFrame) -> NDArray[np.void]:
    reference = -1
    if isinstance(frame, MotionFrame) and frame.reference is not None:
        reference = frame.reference
    said = frame.index, frame.pts_seconds, frame.picture_type, reference, *frame.size
    return np.array(said, _HEADER)


def _arrays(frame: AnyFrame) -> dict[str, NDArray[Any]]:
    if isinstance(frame, VectorFrame):
        return {"vectors": _packed(frame.vectors)}
    return {"motion": frame.motion, "valid": frame.valid}


def _packed(vectors: NDArray[np.void]) -> NDArray[np.void]:
    """Leave out the gaps between fields, in which anything may stand."""
    packed = np.empty(len(vectors), PACKED_VECTOR)
    for name in PACKED_VECTOR.names or ():
        packed[name] = vectors[name]
    return packed


def _add(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    # of one date, so that the same input gives the same bytes
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = zipfile.ZIP_DEFLATED
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=False)
    archive.writestr(entry, content.getbuffer(), compresslevel=1)
