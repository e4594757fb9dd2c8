"""The file that holds the motion of one video: compressed pieces, and an index behind them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.motion import BlockMotion

__all__ = ["MotionIndex", "piece_of", "read_index", "read_piece", "write_motion"]

_MAGIC = b"arseg-motion-1\n"
_PIECE = 32
"""Frames that are compressed together: reading one frame of an hour unpacks a second of it."""


@dataclass(frozen=True, slots=True)
class MotionIndex:
    """What a motion file knows beside the motion.

    Args:
        size: Height and width of the pictures.
        fps: Frames a second.
        picture_types: One letter a frame.
        offsets: Where each piece starts, and the end of the last one.
    """

    size: tuple[int, int]
    fps: float
    picture_types: str
    offsets: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the block grid."""
        return -(-self.size[0] // BLOCK_SIZE), -(-self.size[1] // BLOCK_SIZE)


def write_motion(
    file: BinaryIO,
    frames: Iterable[tuple[str, BlockMotion]],
    size: tuple[int, int],
    fps: float,
) -> None:
    """Write picture types and motion of all frames.

    Args:
        file: Open for writing; what was written before does not matter.
        frames: Picture type and motion of each frame, in order.
        size: Height and width of the pictures.
        fps: Frames a second.
    """
    types: list[str] = []
    offsets = [file.tell()]
    piece: list[bytes] = []
    for picture_type, motion in frames:
        types.append(picture_type)
        piece.append(motion.quarter_pixels.tobytes() + motion.intra.tobytes())
        if len(piece) == _PIECE:
            offsets.append(offsets[-1] + file.write(zlib.compress(b"".join(piece), 6)))
            piece = []
    if piece:
        offsets.append(offsets[-1] + file.write(zlib.compress(b"".join(piece), 6)))
    index = json.dumps(asdict(MotionIndex(size, fps, "".join(types), tuple(offsets)))).encode()
    file.write(index + len(index).to_bytes(8, "big") + _MAGIC)


def read_index(path: Path) -> MotionIndex:
    """Read the index of a motion file.

    Raises:
        ValueError: If the file is none, or was cut off.
    """
    tail = 8 + len(_MAGIC)
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - tail))
        content = file.read()
        if not content.endswith(_MAGIC):
            raise ValueError(f"{path} is no motion file or was cut off; delete it")
        length = int.from_bytes(content[:8], "big")
        file.seek(end - tail - length)
        index = json.loads(file.read(length))
    return MotionIndex(
        size=tuple(index["size"]),
        fps=index["fps"],
        picture_types=index["picture_types"],
        offsets=tuple(index["offsets"]),
    )


def read_piece(path: Path, index: MotionIndex, number: int) -> list[BlockMotion]:
    """Read the motion of the frames of one piece."""
    start, stop = index.offsets[number : number + 2]
    with path.open("rb") as file:
        file.seek(start)
        content = zlib.decompress(file.read(stop - start))
    height, width = index.grid
    cells = height * width
    frames: NDArray[np.uint8] = np.frombuffer(content, np.uint8).reshape(-1, 5 * cells)
    return [
        BlockMotion(
            frame[: 4 * cells].view(np.int16).reshape(2, height, width),
            frame[4 * cells :].view(np.bool_).reshape(height, width),
        )
        for frame in frames
    ]


def piece_of(frame: int) -> tuple[int, int]:
    """The piece that holds a frame, and the frame's place in it."""
    return divmod(frame, _PIECE)
