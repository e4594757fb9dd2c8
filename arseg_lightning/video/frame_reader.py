"""Reads any frames of a video, decoding no more than it must."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from arseg_lightning.types import Frame
from arseg_lightning.video.damage import Damage
from arseg_lightning.video.pictures import NumberedPicture, ToFrame, numbered_pictures
from arseg_lightning.video.probe import open_video
from arseg_lightning.video.timeline import Timeline, read_timeline

__all__ = ["FrameReader", "read_frames"]

_WORTH_A_SEEK = 8
"""Frames to skip that make up for opening the file once more."""

_OF_A_PARENT: list[Any] = []
"""What belongs to the process that this one was forked from; freeing it here would crash."""


def read_frames(path: Path | str, indices: Iterable[int]) -> dict[int, Frame]:
    """Decode some frames of a video once, as :meth:`FrameReader.read` does."""
    with closing(FrameReader(path)) as reader:
        return reader.read(indices)


class FrameReader:
    """Reads frames of one video, in any order, and is ready for more.

    The video stays open after the last frame read, so a frame that follows costs the pictures
    between the two. Pictures that were decoded lately are kept: going back a little costs nothing.

    Args:
        path: The video.
        kept_bytes: Memory for such pictures, as the decoder holds them.
    """

    def __init__(self, path: Path | str, kept_bytes: int = 0) -> None:
        self.path = Path(path)
        self.kept_bytes = kept_bytes
        self._timeline = read_timeline(self.path) if self.path.is_file() else None
        self._to_frame = ToFrame(self.path)
        self._kept: dict[int, NumberedPicture] = {}
        self._pictures: Generator[NumberedPicture] | None = None
        self._start = self._next = 0
        self._process = os.getpid()

    def read(self, indices: Iterable[int]) -> dict[int, Frame]:
        """Read some frames, without vectors; the same that ``decode`` gives.

        Decoding starts at the last keyframe before a frame and stops after the last one asked for.

        Args:
            indices: Positions in display order, from 0.

        Raises:
            FileNotFoundError: If there is no such file.
            NotAVideo: If it is not a video.
            IndexError: If the video has no such frame.

        Warns:
            VideoDamageWarning: If one of the frames could not be decoded.
        """
        self._leave_to_parent()
        wanted = sorted(set(indices))
        if wanted and wanted[0] < 0:
            raise IndexError(f"frames are counted from 0, got {wanted[0]}")
        damage, frames = Damage(self.path), {}
        try:
            for index in wanted:
                numbered = self._kept.get(index) or self._find(index)
                damage.replaced += [index] * numbered.is_copy
                frames[index] = self._to_frame(numbered)
        except Exception:
            self.close()  # what is open has failed
            raise
        damage.warn()
        return frames

    def close(self) -> None:
        """Close the video and forget its pictures; reading opens it again."""
        self._leave_to_parent()
        self._kept = {}
        if self._pictures is not None:
            self._pictures.close()
        self._pictures, self._start, self._next = None, 0, 0

    def _find(self, index: int) -> NumberedPicture:
        """Decode up to a frame, from where the video is open or from a keyframe."""
        keyframe = self._timeline.keyframe_before(index) if self._timeline else 0
        place = self._next if self._next <= index else 0
        if keyframe - place >= _WORTH_A_SEEK:
            self._open(keyframe)
        elif self._pictures is None or index < self._next:
            self._open(0)
        found = self._advance(index)
        if found is None and self._start:
            # A stream may refuse to start where its container says that it can.
            self._open(0)
            found = self._advance(index)
        if found is None:
            raise IndexError(
                f"{self.path} has no frame {index}; its frames are counted from 0: rename what "
                f"belongs to it, or get the file again if it was cut off"
            )
        return found

    def _advance(self, index: int) -> NumberedPicture | None:
        """Decode up to a frame; None if the video ends before, or did not start where it should."""
        for numbered in self._pictures or ():
            if self._start and numbered.place == self._start and numbered.is_copy:
                return None
            self._next = numbered.place + 1
            size = sum(plane.buffer_size for plane in numbered.picture.planes)
            if room := self.kept_bytes // max(1, size):
                self._kept.pop(numbered.place, None)
                self._kept[numbered.place] = numbered
                for place in list(self._kept)[:-room]:
                    del self._kept[place]
            if numbered.place == index:
                return numbered
        return None

    def _open(self, start: int) -> None:
        """Open the video anew, where decoding can start."""
        if self._pictures is not None:
            self._pictures.close()
        self._pictures = _pictures_from(self.path, self._timeline, start)
        self._start = self._next = start

    def _leave_to_parent(self) -> None:
        """Drop the decoder and the scaler that a forked process inherits without their threads."""
        if self._process == os.getpid():
            return
        _OF_A_PARENT.extend((self._pictures, self._kept, self._to_frame))
        self._pictures, self._kept, self._to_frame = None, {}, ToFrame(self.path)
        self._start = self._next = 0
        self._process = os.getpid()


def _pictures_from(path: Path, timeline: Timeline | None, start: int) -> Generator[NumberedPicture]:
    """The pictures from where decoding can start.

    It refers to no reader: one that is dropped closes its video at once, not when garbage is
    collected, which may happen in a process that was forked meanwhile.
    """
    with open_video(path) as (container, stream):
        if timeline is not None and start:
            timeline.seek(container, stream, start)
        unsaid = Damage(path)  # only that of the frames asked for counts
        yield from numbered_pictures(container, stream, timeline, unsaid, start)
