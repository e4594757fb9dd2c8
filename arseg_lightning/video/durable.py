"""Writes a video that is worth keeping even if its making ends early."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from av.container import OutputContainer

from arseg_lightning.video.encode import VideoWriter, open_container
from arseg_lightning.video.encoders import EncodeSettings
from arseg_lightning.video.errors import CannotWriteVideo, VideoError
from arseg_lightning.video.fragments import FRAGMENT_OPTIONS, FragmentFile

__all__ = ["DurableWriter"]


class DurableWriter(VideoWriter):
    """Writes frames to an MP4 file that is valid at whatever frame its making ends.

    An exception or Ctrl-C in the ``with`` block leaves a video of all frames written so far; a
    disk that is full, one without its last second; a process that is killed leaves the same under
    a hidden name beside the file. Without any frame nothing is left, and an older file stays.

    Args:
        path: The file, ``.mp4``.
        settings: How to encode.

    Raises:
        CannotWriteVideo: If the file cannot be written, at once at ``with``, or at a frame.
        VideoError: If the name has another ending, or frames differ in size.
    """

    def __init__(self, path: Path | str, settings: EncodeSettings) -> None:
        super().__init__(path, settings)
        if self.path.suffix != ".mp4":
            raise VideoError(f"a video that grows as it is written is an .mp4, got {self.path}")
        self._file: FragmentFile | None = None

    def __enter__(self) -> Self:
        """Create the file, so that a place that cannot be written is known at once."""
        super().__enter__()
        with self._naming_errors():
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._file = FragmentFile(self._partial)
        return self

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
            self._close(self._file, quiet=kind is not None)
        finally:
            keep = self.num_frames > 0 and (not self._file.failed or self._file.cut())
            self._file.release()
            with suppress(OSError):
                self._partial.replace(self.path) if keep else self._partial.unlink()

    def _close(self, file: FragmentFile, quiet: bool) -> None:
        """Write the last frames and the end; an error on the way may have done so for good."""
        if self._container is None or self._stream is None:
            return
        try:
            with self._naming_errors():
                if not file.failed:
                    self._container.mux(self._stream.encode(None))
                self._container.close()
        except CannotWriteVideo:
            file.failed = True
            if not quiet:
                raise

    def _open(self) -> OutputContainer:
        if self._file is None:
            raise VideoError(f"{self.path} is written in a with block only")
        return open_container(self._file, "mp4", FRAGMENT_OPTIONS)

    def _remains(self) -> str:
        return f"of its {self.num_frames} frames those of the complete seconds are kept"
