"""A video of a stream's frames, each shown when the stream's is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.video.encode import EncodeSettings, VideoWriter

__all__ = ["FrameWriter", "TimedVideo", "video_file", "video_settings"]

_SECONDS_TO_SEEK = 2.0  # from one keyframe to the next, where players can start
_SHORTEST = 1e-4  # seconds between two frames that a video file can tell apart


class FrameWriter(Protocol):
    """What a video is written with: to a file or a pipe."""

    num_frames: int

    def __enter__(self) -> Self: ...

    def write(self, image: NDArray[np.uint8], pts_seconds: float | None = None) -> None:
        """Append a frame."""

    def __exit__(self, *exception: Any) -> None: ...


class TimedVideo:
    """A video of as many frames as a stream, each shown when the stream's is.

    Used in a ``with`` block. Frames of another size than the first one's are scaled to it.

    Args:
        writer: Writes it.
        fps: Frames per second, about.
        resampling: How frames of another size are scaled.
    """

    def __init__(
        self,
        writer: FrameWriter,
        fps: float,
        resampling: Image.Resampling = Image.Resampling.BICUBIC,
    ) -> None:
        self._writer, self._resampling = writer, resampling
        self._size: tuple[int, int] | None = None
        self._frame_seconds = 1.0 / fps
        # Seconds from stream to video, the earliest time of the next frame, and its default.
        self._offset = self._earliest = self._next = 0.0

    @property
    def num_frames(self) -> int:
        """Frames written so far."""
        return self._writer.num_frames

    def __enter__(self) -> Self:
        """Start it."""
        self._writer.__enter__()
        return self

    def write(self, image: NDArray[np.uint8], seconds: float) -> None:
        """Add a frame, (H, W, 3) or (H, W), with its time in the stream."""
        height, width = image.shape[:2]
        self._size = self._size or (height, width)
        if self._size != (height, width):
            image = np.asarray(Image.fromarray(image).resize(self._size[::-1], self._resampling))
        # Times as they are while they grow; where they jump back, they continue by a frame.
        shown = seconds + self._offset
        if shown < self._earliest:
            shown, self._offset = self._next, self._next - seconds
        self._earliest, self._next = shown + _SHORTEST, shown + self._frame_seconds
        self._writer.write(image, shown)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """Finish the video."""
        self._writer.__exit__(kind, error, trace)


def video_file(path: Path, fps: float = 25.0) -> TimedVideo:
    """A video in a file.

    What was written is a valid video whatever ends it: an exception, Ctrl-C or a full disk.

    Args:
        path: The video, ``.mp4``.
        fps: Frames per second, about.

    Raises:
        CannotWrite: If the file cannot be written.
    """
    return TimedVideo(VideoWriter(path, video_settings(fps), keeps_partial=True), fps)


def video_settings(fps: float) -> EncodeSettings:
    """How videos to look at are encoded: quickly, and with keyframes for players to start at."""
    interval = max(1, round(_SECONDS_TO_SEEK * fps))
    return EncodeSettings(keyframe_interval=interval, preset="superfast", fps=fps)
