"""Outputs of a stream: a video, images, a log of its frames, and a thread to write in."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.drawing.labels import overlay, palette_table
from arseg_lightning.files import replacing
from arseg_lightning.methods import StreamResult
from arseg_lightning.types import ClassSet
from arseg_lightning.video.timed_video import TimedVideo, video_file

__all__ = [
    "FrameLog",
    "InBackground",
    "LabelImages",
    "Output",
    "OverlayVideo",
    "VideoOutput",
    "write_label",
]

_AHEAD = 4  # results that may wait to be written; then the stream waits


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


class VideoOutput(Output):
    """A video of as many frames as the input, each shown when the input's is.

    Args:
        video: Writes it.
        target: What a summary calls it.
        classes: Those whose colours are laid over the frames; None writes the labels as they are.
    """

    def __init__(self, video: TimedVideo, target: str, classes: ClassSet | None) -> None:
        self.video, self.target, self.classes = video, target, classes

    def __enter__(self) -> Self:
        """Create it."""
        self.video.__enter__()
        return self

    def write(self, result: StreamResult) -> None:
        """Draw a frame."""
        image, classes = result.labels, self.classes
        if classes is not None:
            image = overlay(result.frame.image, image, classes)
        self.video.write(image, result.frame.pts_seconds)

    def __exit__(self, *exception: Any) -> None:
        """Finish the video."""
        self.video.__exit__(*exception)

    @property
    def summary(self) -> str:
        """Where it is, and its frames."""
        return f"{self.target} ({self.video.num_frames} frames)"


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
        super().__init__(video_file(path, fps), str(path), classes)


def write_label(label: NDArray[np.uint8], classes: ClassSet, path: Path) -> None:
    """Write class indices, (H, W), as a PNG that viewers show in the colours of the classes."""
    image = Image.fromarray(label)
    image.putpalette(palette_table(classes.palette).reshape(-1).tolist())
    # Large areas of one value become small at the lowest effort, in a third of the time.
    image.save(path, compress_level=1)
