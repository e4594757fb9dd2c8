"""A video of a stream's frames, each shown when the stream's is."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.video.encode import EncodeSettings, VideoWriter

__all__ = ["TimedVideo"]

_SECONDS_TO_SEEK = 2.0  # from one keyframe to the next, where players can start
_SHORTEST = 1e-4  # seconds between two frames that a video file can tell apart


class TimedVideo:
    """A video of as many frames as a stream, each shown when the stream's is.

    Used in a ``with`` block. What was written is a valid video whatever ends it: an exception,
    Ctrl-C or a full disk. Frames of another size than the first one's are scaled to it.

    Args:
        path: The video, ``.mp4``.
        fps: Frames per second, about.

    Raises:
        CannotWrite: If the file cannot be written.
    """

    def __init__(self, path: Path, fps: float = 25.0) -> None:
        interval = max(1, round(_SECONDS_TO_SEEK * fps))
        settings = EncodeSettings(keyframe_interval=interval, preset="veryfast", fps=fps)
        self._writer = VideoWriter(path, settings, keeps_partial=True)
        self._size: tuple[int, int] | None = None
        self._frame_seconds = 1.0 / fps
        # Seconds from stream to video, the earliest time of the next frame, and its default.
        self._offset = self._earliest = self._next = 0.0

    @property
    def path(self) -> Path:
        """The file."""
        return self._writer.path

    @property
    def num_frames(self) -> int:
        """Frames written so far."""
        return self._writer.num_frames

    def __enter__(self) -> Self:
        """Create the file."""
        self._writer.__enter__()
        return self

    def write(self, image: NDArray[np.uint8], seconds: float) -> None:
        """Add a frame, (H, W, 3), with its time in the stream."""
        height, width, _ = image.shape
        self._size = self._size or (height, width)
        if self._size != (height, width):
            image = np.asarray(Image.fromarray(image).resize(self._size[::-1]))
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
