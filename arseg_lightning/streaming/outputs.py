"""Outputs of a stream: a video, images, a log of its frames, and a thread to write in."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.files import replacing
from arseg_lightning.methods import StreamResult
from arseg_lightning.types import RGB, ClassSet
from arseg_lightning.video.encode import EncodeSettings, VideoWriter

__all__ = [
    "FrameLog",
    "InBackground",
    "LabelImages",
    "Output",
    "OverlayVideo",
    "VideoOutput",
    "overlay",
    "overlay_settings",
    "write_label",
]

_AHEAD = 4  # results that may wait to be written; then the stream waits
_SECONDS_TO_SEEK = 2.0  # from one keyframe of the overlay to the next, where players can start
_SHORTEST = 1e-4  # seconds between two frames that a video file can tell apart


class Output(ABC):
    """Takes the results of one stream in their order.

    Used in a ``with`` block: its start refuses what cannot be written before the first frame is
    decoded, and its end keeps what was written, however the block ends.
    """

    @abstractmethod
    def __enter__(self) -> Self:
        """Make sure that results can be written."""

    @abstractmethod
    def write(self, result: StreamResult) -> None:
        """Take the next result."""

    def __exit__(self, *exception: Any) -> None:  # noqa: B027 - not all outputs need an end
        """Finish what was written."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """What was written, and where."""


class InBackground:
    """Writes an output in its own thread; errors there are raised at a later frame, or at the end.

    The end of the ``with`` block waits until all frames are written, whatever ended it.

    Args:
        output: Does the writing.
    """

    def __init__(self, output: Output) -> None:
        self.output = output
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        """Start the output."""
        self.output.__enter__()
        return self

    def write(self, result: StreamResult) -> None:
        """Hand the next result over."""
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self.output.write, result))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Wait for the last result, and end the output."""
        self._thread.shutdown()
        failures = (each.exception() for each in self._waiting)
        failure = error or next(filter(None, failures), None)
        self.output.__exit__(type(failure) if failure else None, failure, trace)
        if error is None and failure is not None:
            raise failure


class LabelImages(Output):
    """A PNG a frame, ``000012.png``: class indices that viewers show in the classes' colours.

    Args:
        folder: Their folder; each image is complete when it appears.
        classes: The classes.
    """

    def __init__(self, folder: Path, classes: ClassSet) -> None:
        self.folder, self.classes = Path(folder), classes
        self.num_frames = 0

    def __enter__(self) -> Self:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, result: StreamResult) -> None:
        """Write the image of a frame."""
        path = self.folder / f"{result.frame.index:06d}.png"
        with replacing(path, durable=False) as partial:  # a stream does not wait for the disk
            write_label(result.labels, self.classes, partial)
        self.num_frames += 1

    @property
    def summary(self) -> str:
        """The folder and its frames."""
        return f"{self.folder} ({self.num_frames} frames)"


class FrameLog(Output):
    """A table with a line a frame: what was executed, why, and how long it took.

    Args:
        path: The file, ``.csv``; a line is there as soon as its frame is done.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.num_frames = Path(path), 0

    def __enter__(self) -> Self:
        """Start the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", encoding="utf-8", newline="", buffering=1)
        self._lines = csv.writer(self._file)
        self._lines.writerow(("frame", "seconds", "roles", "executed", "reason", "latency_ms"))
        return self

    def write(self, result: StreamResult) -> None:
        """Write the line of a frame; ``executed`` is the share of its last step."""
        step, frame = result.executed[-1], result.frame
        timed = round(frame.pts_seconds, 4), result.roles, round(step.share, 4)
        self._lines.writerow((frame.index, *timed, result.reason, round(result.latency_ms, 2)))
        self.num_frames += 1

    def __exit__(self, *exception: Any) -> None:
        """Close the file."""
        self._file.close()

    @property
    def summary(self) -> str:
        """The file and its lines."""
        return f"{self.path} ({self.num_frames} frames)"


class FrameWriter(Protocol):
    """What a video is written with: to a file or a pipe."""

    num_frames: int

    def __enter__(self) -> Self: ...

    def write(self, image: NDArray[np.uint8], pts_seconds: float | None = None) -> None:
        """Append a frame."""

    def __exit__(self, *exception: Any) -> None: ...


class VideoOutput(Output):
    """A video of as many frames as the input, each shown when the input's is.

    Frames of another size than the first one's are scaled to it.

    Args:
        writer: Writes it.
        target: What a summary calls it.
        fps: Frames per second, about.
    """

    resampling = Image.Resampling.BICUBIC

    def __init__(self, writer: FrameWriter, target: str, fps: float) -> None:
        self.writer, self.target = writer, target
        self._size: tuple[int, int] | None = None
        self._frame_seconds = 1.0 / fps
        # Seconds from input to output, the earliest time of the next frame, and its default.
        self._offset = self._earliest = self._next = 0.0

    @abstractmethod
    def picture(self, result: StreamResult) -> NDArray[np.uint8]:
        """What is shown of a result, (H, W, 3) or (H, W)."""

    def __enter__(self) -> Self:
        """Create it."""
        self.writer.__enter__()
        return self

    def write(self, result: StreamResult) -> None:
        """Draw a frame."""
        image = self.picture(result)
        self._size = self._size or result.frame.size
        if result.frame.size != self._size:
            scaled = Image.fromarray(image).resize(self._size[::-1], self.resampling)
            image = np.asarray(scaled)
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
        """Where it is, and its frames."""
        return f"{self.target} ({self.writer.num_frames} frames)"


class OverlayVideo(VideoOutput):
    """An overlay in a file.

    What was written is a valid video whatever ends it: an exception, Ctrl-C or a full disk.

    Args:
        path: The video, ``.mp4``.
        classes: The classes.
        fps: Frames per second, about.

    Raises:
        CannotWrite: If the file cannot be written.
    """

    def __init__(self, path: Path, classes: ClassSet, fps: float = 25.0) -> None:
        super().__init__(
            VideoWriter(path, overlay_settings(fps), keeps_partial=True), str(path), fps
        )
        self.classes = classes

    def picture(self, result: StreamResult) -> NDArray[np.uint8]:
        """The frame, in the colours of its classes."""
        return overlay(result.frame.image, result.labels, self.classes)


def overlay_settings(fps: float) -> EncodeSettings:
    """How overlays are encoded: quickly, and with keyframes for players to start at."""
    interval = max(1, round(_SECONDS_TO_SEEK * fps))
    return EncodeSettings(keyframe_interval=interval, preset="veryfast", fps=fps)


def overlay(
    image: NDArray[np.uint8], label: NDArray[np.uint8], classes: ClassSet, opacity: float = 0.5
) -> NDArray[np.uint8]:
    """Blend the colours of the classes into an image.

    Shapes:
        image: (H, W, 3)   label: (H, W), class indices   returns: (H, W, 3)
    """
    weight = round(256 * opacity)  # in 256ths: whole numbers of 16 bits suffice
    colours = _palette(classes.palette).astype(np.uint16) * np.uint16(weight) + np.uint16(127)
    mixed = image * np.uint16(256 - weight)
    mixed += colours.take(label, axis=0)
    mixed >>= 8
    return mixed.astype(np.uint8)


def write_label(label: NDArray[np.uint8], classes: ClassSet, path: Path) -> None:
    """Write class indices, (H, W), as a PNG that viewers show in the colours of the classes."""
    image = Image.fromarray(label)
    image.putpalette(_palette(classes.palette).reshape(-1).tolist())
    # Large areas of one value become small at the lowest effort, in a third of the time.
    image.save(path, compress_level=1)


def _palette(colours: tuple[RGB, ...]) -> NDArray[np.uint8]:
    """A colour for each uint8 value, (256, 3); black beyond the classes."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table
