"""Video of the input with the colours of the classes over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.outputs import Output, palette_table
from arseg_lightning.types import ClassSet
from arseg_lightning.video.encode import EncodeSettings, VideoWriter

__all__ = ["OverlayVideo", "overlay"]

_SECONDS_TO_SEEK = 2.0  # from one keyframe of the overlay to the next, where players can start
_SHORTEST = 1e-4  # seconds between two frames that a video file can tell apart


class OverlayVideo(Output):
    """A video of as many frames as the input, each shown when the input's is.

    What was written is a valid video whatever ends it: an exception, Ctrl-C or a full disk. Frames
    of another size than the first one's are scaled to it.

    Args:
        path: The video, ``.mp4``.
        classes: The classes.
        fps: Frames per second, about.
        opacity: Weight of the classes' colours, 0 to 1.

    Raises:
        CannotWrite: If the file cannot be written.
    """

    def __init__(
        self, path: Path, classes: ClassSet, fps: float = 25.0, opacity: float = 0.5
    ) -> None:
        interval = max(1, round(_SECONDS_TO_SEEK * fps))
        settings = EncodeSettings(keyframe_interval=interval, preset="veryfast", fps=fps)
        self.writer = VideoWriter(path, settings, keeps_partial=True)
        self.classes, self.opacity = classes, opacity
        self._size: tuple[int, int] | None = None
        self._frame_seconds = 1.0 / fps
        # Seconds from input to overlay, the earliest time of the next frame, and its default.
        self._offset = self._earliest = self._next = 0.0

    def __enter__(self) -> Self:
        """Create the file."""
        self.writer.__enter__()
        return self

    def write(self, result: StreamResult) -> None:
        """Draw a frame."""
        image = overlay(result.frame.image, result.labels, self.classes, self.opacity)
        self._size = self._size or result.frame.size
        if result.frame.size != self._size:
            image = np.asarray(Image.fromarray(image).resize(self._size[::-1]))
        # Times as they are while they grow; where they jump back, they continue by a frame.
        shown = result.frame.pts_seconds + self._offset
        if shown < self._earliest:
            shown, self._offset = self._next, self._next - result.frame.pts_seconds
        self._earliest, self._next = shown + _SHORTEST, shown + self._frame_seconds
        self.writer.write(image, shown)

    def __exit__(self, *exception: Any) -> None:
        """Finish the video."""
        self.writer.__exit__(*exception)

    @property
    def summary(self) -> str:
        """The file and its frames."""
        return f"{self.writer.path} ({self.writer.num_frames} frames)"


def overlay(
    image: NDArray[np.uint8], label: NDArray[np.uint8], classes: ClassSet, opacity: float
) -> NDArray[np.uint8]:
    """Blend the colours of the classes into an image.

    Shapes:
        image: (H, W, 3)   label: (H, W), class indices   returns: (H, W, 3)
    """
    weight = round(256 * opacity)  # in 256ths: whole numbers of 16 bits suffice
    colours = palette_table(classes.palette).astype(np.uint16) * np.uint16(weight) + np.uint16(127)
    mixed = image * np.uint16(256 - weight)
    mixed += colours.take(label, axis=0)
    mixed >>= 8
    return mixed.astype(np.uint8)
