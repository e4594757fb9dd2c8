"""Writes a video that is worth keeping even if its making ends early."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from av.container import OutputContainer
from av.video.stream import VideoStream

from arseg_lightning.video.encode import Pixels, VideoWriter, open_container
from arseg_lightning.video.encoders import EncodeSettings
from arseg_lightning.video.errors import CannotWriteVideo, VideoError
from arseg_lightning.video.fragments import FRAGMENT_OPTIONS, FragmentFile
from arseg_lightning.video.sound import Sound

__all__ = ["DurableWriter"]


class DurableWriter(VideoWriter):
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
        """Create the file, so that a place that cannot be written is known at once."""
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
            self._close(self._file, quiet=kind is not None)
        finally:
            keep = self.num_frames > 0 and (not self._file.failed or self._file.cut())
            self._file.release()
            if self.sound is not None:
                self.sound.close()
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
                if not file.failed and self.sound is not None:
                    end = self._ticks * self._time_base + 1 / self.settings.frame_rate
                    self.sound.finish(float(end))
                self._container.close()
        except CannotWriteVideo:
            file.failed = True
            if not quiet:
                raise

    def _open(self) -> OutputContainer:
        if self._file is None:
            raise VideoError(f"{self.path} is written in a with block only")
        self._trims = self.sound is not None and self.sound.open()
        flags = {"movflags": f"{FRAGMENT_OPTIONS['movflags']}+delay_moov"} if self._trims else {}
        return open_container(self._file, "mp4", FRAGMENT_OPTIONS | flags)

    def _opened(self, size: tuple[int, int]) -> tuple[OutputContainer, VideoStream]:
        is_new = self._container is None
        container, stream = super()._opened(size)
        if is_new and self.sound is not None:
            self.sound.add_to(container, self._trims)
        return container, stream

    def _remains(self) -> str:
        return f"of its {self.num_frames} frames those of the complete seconds are kept"
