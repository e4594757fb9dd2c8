"""Writes an MP4 in fragments: whatever ends its making, what is complete can be played."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from av.container import OutputContainer
from av.video.stream import VideoStream

from arseg_lightning.video.encode import Pixels, VideoWriter, open_container
from arseg_lightning.video.encoders import EncodeSettings
from arseg_lightning.video.errors import CannotWriteVideo, VideoError
from arseg_lightning.video.sound import Sound

__all__ = ["FragmentFile", "FragmentedWriter"]

# FFmpeg writes a fragment a second, and makes an ordinary file of them at the end.
# A second is also how long pictures wait for sound that is silent, or comes later.
_OPTIONS = {
    "movflags": "hybrid_fragmented",
    "frag_duration": "1000000",
    "max_interleave_delta": "1000000",
}
_BOX_HEADER, _LONG_BOX_HEADER = 8, 16


class FragmentedWriter(VideoWriter):
    """Writes frames to an MP4 file that is valid at whatever frame its making ends.

    An exception or Ctrl-C in the ``with`` block leaves a video of all frames written so far; a
    disk that is full, one without its last second; a process that is killed leaves the same under
    a hidden name beside the file. Without any frame nothing is left, and an older file stays.

    Args:
        path: The file, ``.mp4``.
        settings: How to encode.
        sound: What is heard beside the frames, which then all have their times; as long as they
            are shown.
        display_aspect: See :class:`VideoWriter`.

    Raises:
        CannotWriteVideo: If the file cannot be written, at once at ``with``, or at a frame.
        VideoError: If the name has another ending, or frames differ in size.
    """

    def __init__(
        self,
        path: Path | str,
        settings: EncodeSettings,
        sound: Sound | None = None,
        display_aspect: Fraction | None = None,
    ) -> None:
        super().__init__(path, settings, display_aspect)
        self.sound = sound
        self._trims = False
        if self.path.suffix != ".mp4":
            raise VideoError(f"a video that grows as it is written is an .mp4, got {self.path}")
        self._file: FragmentFile | None = None

    def __enter__(self) -> Self:
        """Create the file, so that a path that cannot be written is known at once."""
        super().__enter__()
        with self._naming_errors():
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._file = FragmentFile(self._partial)
        return self

    def write(self, image: Pixels, pts_seconds: float | None = None) -> None:
        """Append a frame, and what is heard before it."""
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
        """Finish the video, whatever ended the block."""
        if self._file is None:
            return
        try:
            self._close(self._file)
        except CannotWriteVideo:
            if kind is None:
                raise
        finally:
            # After a failure FFmpeg may have written part of a fragment: it is cut off.
            keep = self.num_frames > 0 and (not self._file.failed or self._file.cut())
            self._file.release()
            if self.sound is not None:
                self.sound.close()
            with suppress(OSError):
                self._partial.replace(self.path) if keep else self._partial.unlink()

    def _close(self, file: FragmentFile) -> None:
        """Write the last frames and the end, unless an error has ended the file before."""
        if self._container is None or self._stream is None:
            return
        try:
            with self._naming_errors():
                if not file.failed:
                    self._container.mux(self._stream.encode(None))
                if not file.failed and self.sound is not None:
                    end = self._ticks * self._time_base + 1 / self.settings.frame_rate
                    self.sound.finish(float(end))
                self._container.close()
        except CannotWriteVideo:
            file.failed = True
            raise

    def _open(self) -> OutputContainer:
        if self._file is None:
            raise VideoError(f"{self.path} is written in a with block only")
        self._trims = self.sound is not None and self.sound.open()
        flags = {"movflags": f"{_OPTIONS['movflags']}+delay_moov"} if self._trims else {}
        return open_container(self._file, "mp4", _OPTIONS | flags)

    def _add_stream(self, container: OutputContainer, size: tuple[int, int]) -> VideoStream:
        stream = super()._add_stream(container, size)
        if self.sound is not None:
            self.sound.add_to(container, self._trims)
        return stream

    def _remains(self) -> str:
        return f"of its {self.num_frames} frames those of the complete seconds are kept"


class FragmentFile:
    """A file that FFmpeg writes an MP4 to, and that can be cut back to its complete fragments.

    After a write that failed it takes no more and says nothing: FFmpeg writes an end when a
    container is closed, which would spoil what is there.

    Args:
        path: The file; it is created.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.seek, self.tell, self.release = self._file.seek, self._file.tell, self._file.close
        self.failed = False

    def write(self, data: bytes) -> int:
        """Write all of it, or raise what stands against it."""
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
        """Cut behind the last complete fragment; tells whether there is one."""
        end = _complete_length(self._file)
        self._file.truncate(end)
        return end > 0


def _complete_length(file: BinaryIO) -> int:
    """Where the last complete fragment ends: each one ends with its pictures, ``mdat``."""
    size = file.seek(0, os.SEEK_END)
    position = end = 0
    while position + _BOX_HEADER <= size:
        file.seek(position)
        header = file.read(_LONG_BOX_HEADER)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:  # the length follows in 8 bytes
            length = int.from_bytes(header[8:], "big")
        if length < _BOX_HEADER or position + length > size:
            break
        position += length
        if kind == b"mdat":
            end = position
    return end
