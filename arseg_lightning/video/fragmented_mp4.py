"""MP4 files that can be played whatever ends their writing."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.video.encode import VideoWriter
from arseg_lightning.video.encoders import EncodeSettings
from arseg_lightning.video.errors import CannotWriteVideo, VideoError
from arseg_lightning.video.sound import Sound

__all__ = ["FragmentFile", "FragmentedWriter"]

# FFmpeg writes a fragment a second, and makes an ordinary file of them at the end.
# A second is also how long frames wait for sound that is silent, or comes later.
_OPTIONS = {
    "movflags": "hybrid_fragmented",
    "frag_duration": "1000000",
    "max_interleave_delta": "1000000",
}
_BOX_HEADER, _LONG_BOX_HEADER = 8, 16  # bytes


class FragmentedWriter(VideoWriter):
    """Writes frames to an MP4 file that is valid at whatever frame its writing ends.

    An exception or Ctrl-C in the ``with`` block leaves a video of all frames written so far; a
    disk that is full, one without its last second; a process that is killed leaves the same under
    a hidden name beside the file. Without any frame nothing is left, and an older file stays.

    Args:
        path: The file, ``.mp4``.
        settings: How to encode.
        sound: Sound for the frames, which then all need times; cut to their length.
        display_aspect: See :class:`VideoWriter`.

    Raises:
        CannotWriteVideo: If the file cannot be written, at once at ``with``, or at a frame.
        VideoError: If the name has another ending, or frames differ in size.
    """

    _after_failure: ClassVar[str] = (
        "of its {num_frames} frames those of the complete seconds are kept"
    )
    _target: FragmentFile

    def __init__(
        self,
        path: Path | str,
        settings: EncodeSettings,
        sound: Sound | None = None,
        display_aspect: Fraction | None = None,
    ) -> None:
        super().__init__(path, settings, display_aspect)
        if self.path.suffix != ".mp4":
            raise VideoError(f"a video that grows as it is written is an .mp4, got {self.path}")
        self.sound = sound
        self._format, self._options = "mp4", _OPTIONS

    def __enter__(self) -> Self:
        """Create the file, so that a path that cannot be written is known at once."""
        super().__enter__()
        with self._naming_errors():
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._target = FragmentFile(self._partial)
        return self

    def write(self, image: NDArray[np.uint8], pts_seconds: float | None = None) -> None:
        """Append a frame, and the sound up to it."""
        super().write(image, pts_seconds)
        if self.sound is not None:
            with self._naming_errors():
                self.sound.write_until(float(self._ticks * self._time_base))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the last frames and the end, unless an error has ended the file before."""
        file, sound = self._target, self.sound
        try:
            if self._encoder is not None:
                container, stream = self._encoder
                with self._naming_errors():
                    if not file.failed:
                        container.mux(stream.encode(None))
                    if sound is not None and not file.failed:
                        end = self._ticks * self._time_base + 1 / self.settings.frame_rate
                        sound.finish(float(end))
                    container.close()
        except CannotWriteVideo:
            file.failed = True
            if kind is None:
                raise
        finally:
            # After a failure FFmpeg may have written part of a fragment: it is cut off.
            keep = self.num_frames > 0 and (not file.failed or file.cut())
            file.release()
            if sound is not None:
                sound.close()
            with suppress(OSError):
                self._partial.replace(self.path) if keep else self._partial.unlink()

    def _open(self, height: int, width: int) -> tuple[OutputContainer, VideoStream]:
        if self.sound is None:
            return super()._open(height, width)
        trims = self.sound.open()
        if trims:
            # Only a header that is written after the first packets can leave out part of one.
            self._options = _OPTIONS | {"movflags": f"{_OPTIONS['movflags']}+delay_moov"}
        container, stream = super()._open(height, width)
        self.sound.add_to(container, trims)
        return container, stream


class FragmentFile:
    """A file that FFmpeg writes an MP4 to, and that can be cut back to its complete fragments.

    After a failed write it silently ignores all others: FFmpeg writes an end when a container is
    closed, which would spoil what is there.

    Args:
        path: The file; it is created.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.seek, self.tell, self.release = self._file.seek, self._file.tell, self._file.close
        self.failed = False

    def write(self, data: bytes) -> int:
        """Write all of the data, or raise the error that prevents it."""
        view, done = memoryview(data), 0
        if self.failed:
            return len(view)
        try:
            while done < len(view):
                done += self._file.write(view[done:]) or 0
        except BaseException:  # also Ctrl-C: what follows would leave a gap
            self.failed = True
            raise
        return done

    def cut(self) -> bool:
        """Cut after the last complete fragment; tells whether there is one."""
        size = self._file.seek(0, os.SEEK_END)
        position = end = 0
        while position + _BOX_HEADER <= size:
            self._file.seek(position)
            header = self._file.read(_LONG_BOX_HEADER)
            length, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if length == 1:  # the length follows in 8 bytes
                length = int.from_bytes(header[8:], "big")
            if length < _BOX_HEADER or position + length > size:
                break
            position += length
            if kind == b"mdat":  # the frames, with which each fragment ends
                end = position
        self._file.truncate(end)
        return end > 0
