"""Cache of decoded frames on disk."""

from __future__ import annotations

import errno
import shutil
import struct
import warnings
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.files import replacing
from arseg_lightning.video.cache import content_hash

__all__ = ["FrameCache", "FrameCacheWarning"]

_HEADER = struct.Struct("<16sIII")  # magic, height, width, checksum
_MAGIC = b"arseg-frame-1\n\0\0"
"""Goes up when decoding or the format changes, so that older entries are not read."""

_RESERVED_BYTES = 2**30
"""Disk space that is left to checkpoints and others, which need it more."""


class FrameCacheWarning(UserWarning):
    """No more frames are kept; training continues without."""


class FrameCache:
    """A folder of decoded frames, filed under a hash of their video's content.

    A frame in the middle of a long GOP costs the decoding of all before it; from here it costs one
    read of its raw pixels. Frames appear complete or not at all, and damaged ones count as
    missing. Nothing depends on the cache: a frame that is not found is decoded.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._takes_more = True

    def entry(self, video: Path, index: int) -> Path:
        """File of a frame, which need not be there."""
        return self.root / content_hash(video) / f"{index:06d}.rgb"

    def read(self, video: Path, indices: Iterable[int]) -> list[NDArray[np.uint8]] | None:
        """Read frames, (H, W, 3) each; None unless all are there."""
        images = []
        for index in indices:
            image = _read(self.entry(video, index))
            if image is None:
                return None
            images.append(image)
        return images

    def write(self, video: Path, images: Mapping[int, NDArray[np.uint8]]) -> None:
        """Keep frames by index, (H, W, 3) each, that are not there; on a full disk, warn once."""
        if not self._takes_more:
            return
        try:
            for index, image in images.items():
                entry = self.entry(video, index)
                if _read(entry) is None:
                    _write(entry, image)
        except OSError as error:
            self._takes_more = False
            warnings.warn(
                FrameCacheWarning(
                    f"no more decoded frames are kept in {self.root}: {error.strerror or error}; "
                    f"training continues and decodes them each time. Free some space, or set "
                    f"data.frame_cache_gib to what may be used (0 keeps none)"
                ),
                stacklevel=2,
            )


def _read(entry: Path) -> NDArray[np.uint8] | None:
    """The pixels of an entry; None if it is missing or not as it was written."""
    try:
        content = entry.read_bytes()
        magic, height, width, checksum = _HEADER.unpack_from(content)
    except (OSError, struct.error):
        return None
    pixels = memoryview(content)[_HEADER.size :]
    is_whole = magic == _MAGIC and len(pixels) == height * width * 3
    if not is_whole or zlib.crc32(pixels) != checksum:
        return None
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def _write(entry: Path, image: NDArray[np.uint8]) -> None:
    """Write an entry, or raise what a full disk raises before it is full."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(entry.parent).free - image.nbytes < _RESERVED_BYTES:
        left = f"less than {_RESERVED_BYTES / 2**30:.0f} GiB would be left free"
        raise OSError(errno.ENOSPC, left)
    pixels = np.ascontiguousarray(image).data
    # Not durable: the checksum tells what is incomplete, and training does not wait for the disk.
    with replacing(entry, durable=False) as partial, partial.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, *image.shape[:2], zlib.crc32(pixels)))
        file.write(pixels)
