"""The file that holds the motion of one video: a compressed record a frame, and an index."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.motion import BlockMotion, Evidence, Kind

__all__ = ["MotionIndex", "read_index", "read_motion", "write_motion"]

_MAGIC = b"arseg-motion-5\n"
_REMEDY = "delete it, and `python -m arseg_lightning prepare` makes it again"
_KINDS: dict[str, Kind] = {"a": "anchor", "b": "between", "d": "disposable"}
_LENGTH = np.dtype("<u4")


class MotionIndex(NamedTuple):
    """What a motion file knows beside the motion."""

    size: tuple[int, int]  # height and width of the frames
    fps: float
    picture_types: str  # one letter a frame
    shown: NDArray[np.int64]  # the frame of each record; records are in the order of decoding
    kinds: str  # first letters of what may refer to the frame of each record
    evidence: tuple[int, int]  # cells whose vector leads to what looks alike, and that have one
    offsets: NDArray[np.int64]  # where each record starts, and the end of the last one


def write_motion(
    file: BinaryIO,
    frames: Iterable[tuple[str, BlockMotion]],
    size: tuple[int, int],
    fps: float,
) -> None:
    """Write picture type and motion of all frames, in display order, to an empty file."""
    types, kinds, evidence = "", "", Evidence()
    lengths: dict[int, int] = {}
    for picture_type, motion in frames:
        for step in (*motion.earlier, replace(motion, frame=len(types))):
            if step.frame is not None and step.frame not in lengths:
                lengths[step.frame] = file.write(zlib.compress(_planes(step), 6))
                kinds += step.kind[0]
                evidence.add(step)
        types += picture_type
    file.write(np.array(list(lengths.values()), _LENGTH).tobytes())
    shown = None if list(lengths) == sorted(lengths) else list(lengths)
    fields = {"size": size, "fps": fps, "picture_types": types, "shown": shown}
    fields |= {"kinds": kinds, "evidence": (evidence.matching, evidence.known)}
    index = json.dumps(fields).encode()
    file.write(index + len(index).to_bytes(8, "big") + _MAGIC)


def read_index(path: Path) -> MotionIndex:
    """Read the index of a motion file.

    Raises:
        ValueError: If the file is none, is of another version, or was cut off or damaged.
    """
    tail = 8 + len(_MAGIC)
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - tail))
        content = file.read()
        if not content.endswith(_MAGIC):
            raise ValueError(
                f"{path} is no motion file, of another version, or was cut off; {_REMEDY}"
            )
        end -= tail + int.from_bytes(content[:8], "big")
        try:
            file.seek(end)
            index = json.loads(file.read()[:-tail])
            count = len(index["picture_types"])
            file.seek(end - count * _LENGTH.itemsize)
            lengths = np.frombuffer(file.read(count * _LENGTH.itemsize), _LENGTH)
            in_order = np.arange(count)
            shown = in_order if index["shown"] is None else np.array(index["shown"], np.int64)
            if not np.array_equal(np.sort(shown), in_order):
                raise ValueError(f"{count} frames have {len(shown)} records, or not one each")
            return MotionIndex(
                size=(int(index["size"][0]), int(index["size"][1])),
                fps=float(index["fps"]),
                picture_types=str(index["picture_types"]),
                shown=shown,
                kinds=str(index["kinds"]),
                evidence=(int(index["evidence"][0]), int(index["evidence"][1])),
                offsets=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
            )
        except (ValueError, LookupError, TypeError, OSError) as error:
            raise ValueError(f"the index of {path} is damaged; {_REMEDY}") from error


def read_motion(path: Path, index: MotionIndex, start: int, stop: int) -> list[BlockMotion]:
    """Read the records from ``start`` to before ``stop``.

    Raises:
        ValueError: If a record is damaged.
    """
    offsets = index.offsets[start : stop + 1].tolist()
    with path.open("rb") as file:
        file.seek(offsets[0])
        content = memoryview(file.read(offsets[-1] - offsets[0]))
    places = [offset - offsets[0] for offset in offsets]
    try:
        grid = -(-index.size[0] // BLOCK_SIZE), -(-index.size[1] // BLOCK_SIZE)
        read = [_read(content[begin:end], grid) for begin, end in pairwise(places)]
        return [
            replace(motion, frame=int(frame), kind=_KINDS[kind])
            for motion, frame, kind in zip(
                read, index.shown[start:stop], index.kinds[start:stop], strict=True
            )
        ]
    except (zlib.error, ValueError, LookupError) as error:
        frames = index.shown[start:stop]
        raise ValueError(
            f"{path} is damaged in frames {frames.min()} to {frames.max()}; {_REMEDY}"
        ) from error


def _planes(step: BlockMotion) -> bytes:
    """X and y (int16, little endian), a bit a cell where it is intra-coded, references (int8)."""
    parts = [step.quarter_pixels.astype("<i2"), np.packbits(step.intra)]
    if step.references is not None:
        parts.append(step.references)
    return b"".join(part.tobytes() for part in parts)


def _read(record: memoryview, grid: tuple[int, int]) -> BlockMotion:
    """Decompress a record, as far as a motion of this size can go and no further."""
    cells = grid[0] * grid[1]
    ends = 4 * cells, 4 * cells + -(-cells // 8)
    decompressor = zlib.decompressobj()
    content = decompressor.decompress(record, ends[1] + cells)
    if not decompressor.eof or len(content) not in (ends[1], ends[1] + cells):
        raise ValueError(f"{len(record)} bytes are no whole record, or hold too much")
    field = np.frombuffer(content, "<i2", 2 * cells).reshape(2, *grid)
    bits = np.unpackbits(np.frombuffer(content[ends[0] : ends[1]], np.uint8), count=cells)
    references = None
    if len(content) > ends[1]:
        references = np.frombuffer(content, np.int8, cells, ends[1]).reshape(grid)
    return BlockMotion(field, bits.astype(np.bool_).reshape(grid), references)
