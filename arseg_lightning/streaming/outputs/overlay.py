"""The input with the colours of the classes over it, as a video."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.outputs.output import Output
from arseg_lightning.streaming.outputs.palette import palette_table
from arseg_lightning.types import ClassSet, size_text
from arseg_lightning.video.durable import DurableWriter
from arseg_lightning.video.encode import EncodeSettings

__all__ = ["OverlayVideo", "OverlayWarning", "overlay"]


class OverlayWarning(UserWarning):
    """The overlay does not show the input as it is."""


class OverlayVideo(Output):
    """A video of as many frames as the input, each shown when the input's is.

    What was written is a valid video whatever ends it: an exception, Ctrl-C or a full disk. Frames
    of another size than the first one's are scaled to it.

    Args:
        path: The video, ``.mp4``.
        classes: The classes.
        fps: About how many frames come in a second.
        opacity: Weight of the classes' colours, 0 to 1.

    Raises:
        CannotWriteVideo: If the file cannot be written.
        ValueError: If the opacity is not in [0, 1].
    """

    def __init__(
        self, path: Path, classes: ClassSet, fps: float = 25.0, opacity: float = 0.5
    ) -> None:
        if not 0.0 <= opacity <= 1.0:
            raise ValueError(f"opacity is the weight of the colours in [0, 1], got {opacity}")
        interval = max(1, round(_SECONDS_TO_SEEK * fps))
        settings = EncodeSettings(keyframe_interval=interval, preset="veryfast", fps=fps)
        self.writer = DurableWriter(path, settings)
        self.classes = classes
        self.opacity = opacity
        self._size: tuple[int, int] | None = None
        self._scaled = False
        self._clock = _Clock(1.0 / fps)

    def __enter__(self) -> Self:
        """Create the file."""
        self.writer.__enter__()
        return self

    def write(self, result: StreamResult) -> None:
        """Draw a frame."""
        image = overlay(result.frame.image, result.labels, self.classes, self.opacity)
        self._size = self._size or result.frame.size
        if result.frame.size != self._size:
            self._say_once(result)
            height, width = self._size
            image = np.asarray(Image.fromarray(image).resize((width, height)))
        self.writer.write(image, self._clock.time(result.frame.pts_seconds))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the video."""
        self.writer.__exit__(kind, error, trace)

    @property
    def summary(self) -> str:
        """The file."""
        return f"{self.writer.path} ({self.writer.num_frames} frames)"

    def _say_once(self, result: StreamResult) -> None:
        if self._scaled or self._size is None:
            return
        self._scaled = True
        warnings.warn(
            f"frame {result.frame.index} is {size_text(result.frame.size)}, the first is "
            f"{size_text(self._size)} (height x width): it and what follows is scaled to that in "
            f"{self.writer.path.name}; label files keep their own size",
            OverlayWarning,
            stacklevel=3,
        )


_SECONDS_TO_SEEK = 2.0
"""From one keyframe of the overlay to the next: how far apart players can start."""


class _Clock:
    """Times as they are, as long as they grow; where they jump back, they go on by a frame."""

    def __init__(self, frame_seconds: float) -> None:
        self._frame_seconds = frame_seconds
        self._offset = 0.0
        self._last: float | None = None

    def time(self, pts_seconds: float) -> float:
        shown = pts_seconds + self._offset
        if self._last is not None and shown - self._last < _SHORTEST:
            self._offset = self._last + self._frame_seconds - pts_seconds
            shown = pts_seconds + self._offset
        elif shown < 0:
            self._offset -= shown
            shown = 0.0
        self._last = shown
        return shown


_SHORTEST = 1e-4
"""Seconds between two frames that a video file can tell apart."""


def overlay(
    image: NDArray[np.uint8], label: NDArray[np.uint8], classes: ClassSet, opacity: float
) -> NDArray[np.uint8]:
    """Blend the colours of the classes into a picture.

    Shapes:
        image: (H, W, 3)   label: (H, W), class indices   returns: (H, W, 3)
    """
    weight = round(256 * opacity)  # in 256ths: whole numbers of 16 bits suffice
    colours = palette_table(classes.palette).astype(np.uint16) * np.uint16(weight) + np.uint16(127)
    mixed = image * np.uint16(256 - weight)
    mixed += colours.take(label, axis=0)
    mixed >>= 8
    return mixed.astype(np.uint8)
