"""A sequence: frames in time, some of which have labels, wherever they come from."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.labels import read_image, read_label
from arseg_lightning.types import ClassSet
from arseg_lightning.video.frame_reader import read_frames

__all__ = [
    "LabelledExcerpt",
    "LabelledImages",
    "LabelledVideo",
    "LabelledVideoFile",
    "Pixels",
    "file_stamps",
]

Pixels = NDArray[np.uint8]


class LabelledVideo(ABC):
    """Frames in time and the labels of some of them.

    Attributes:
        name: Unique within its layout; part of file names and messages.
        classes: How the labels are read.
        fps: Frames a second.
        video: The sequence as a video file, if it is one already; else it is encoded once.
        is_still: Whether it is one labelled image, and all other frames are made up around it.
    """

    is_still: ClassVar[bool] = False

    name: str
    classes: ClassSet
    fps: float = 25.0
    video: Path | None = None

    @property
    @abstractmethod
    def labelled(self) -> tuple[int, ...]:
        """Indices of the labelled frames, ascending."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """A text that changes whenever the frames do; encoded copies are filed under it."""

    @abstractmethod
    def images(self) -> Iterator[Pixels]:
        """Yield all frames in order, before any compression by us, (H, W, 3) RGB."""

    @abstractmethod
    def read(self, indices: Iterable[int]) -> Pixels:
        """Read some frames, and no others, before any compression by us, (T, H, W, 3) RGB."""

    def image(self, index: int) -> Pixels:
        """Read one frame before any compression by us, (H, W, 3) RGB."""
        image: Pixels = self.read([index])[0]
        return image

    @abstractmethod
    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label of one labelled frame, (H, W) class indices."""


@dataclass(frozen=True)
class LabelledVideoFile(LabelledVideo):
    """A video file with label files for some of its frames.

    Args:
        name: Name of the sequence.
        path: The video file.
        label_paths: Label file of each labelled frame index.
        classes: How the labels are read.
    """

    name: str
    path: Path
    label_paths: dict[int, Path]
    classes: ClassSet

    @property
    def video(self) -> Path:  # type: ignore[override]
        """The file itself."""
        return self.path

    @property
    def labelled(self) -> tuple[int, ...]:
        """Indices that have a label file."""
        return tuple(sorted(self.label_paths))

    @property
    def identity(self) -> str:
        """The file's stamp."""
        return file_stamps([self.path])

    def images(self) -> Iterator[Pixels]:
        """Not needed: the file is used as it is."""
        raise NotImplementedError(f"{self.path} is a video already and is not encoded again")

    def read(self, indices: Iterable[int]) -> Pixels:
        """Decode some frames in one pass: a video is its own original."""
        return _decoded(self.path, indices)

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label file of a frame."""
        return read_label(self.label_paths[index], self.classes, size)


@dataclass(frozen=True)
class LabelledImages(LabelledVideo):
    """Consecutive frames as image files.

    Args:
        name: Name of the sequence.
        paths: Image files in order of time.
        label_paths: Label file of each labelled frame index.
        classes: How the labels are read.
        fps: Frames a second.
    """

    name: str
    paths: tuple[Path, ...]
    label_paths: dict[int, Path]
    classes: ClassSet
    fps: float = 25.0

    @property
    def labelled(self) -> tuple[int, ...]:
        """Indices that have a label file."""
        return tuple(sorted(self.label_paths))

    @property
    def identity(self) -> str:
        """The stamps of all files."""
        return file_stamps(self.paths)

    def images(self) -> Iterator[Pixels]:
        """Read the files one after the other."""
        return (read_image(path) for path in self.paths)

    def read(self, indices: Iterable[int]) -> Pixels:
        """Read some files."""
        return np.stack([read_image(self.paths[index]) for index in indices])

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label file of a frame."""
        return read_label(self.label_paths[index], self.classes, size)


@dataclass(frozen=True)
class LabelledExcerpt(LabelledVideo):
    """A piece of a longer recording that ends at a labelled frame; it is encoded by itself.

    Args:
        name: Name of the sequence.
        path: The recording.
        start: First frame of the piece in the recording, from 0.
        stop: Frame behind the last one.
        label_path: Label of the last frame.
        classes: How the label is read.
        fps: Frames a second.
    """

    name: str
    path: Path
    start: int
    stop: int
    label_path: Path
    classes: ClassSet
    fps: float = 30.0

    @property
    def labelled(self) -> tuple[int, ...]:
        """The last frame."""
        return (self.stop - self.start - 1,)

    @property
    def identity(self) -> str:
        """The recording's stamp and the piece."""
        return file_stamps([self.path]) + f"|span|{self.start}|{self.stop}"

    def images(self) -> Iterator[Pixels]:
        """Decode the piece."""
        wanted = range(self.start, self.stop)
        frames = read_frames(self.path, list(wanted))
        return (frames[index].image for index in wanted)

    def read(self, indices: Iterable[int]) -> Pixels:
        """Decode some frames of the recording in one pass."""
        return _decoded(self.path, (self.start + index for index in indices))

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label file."""
        return read_label(self.label_path, self.classes, size)


def file_stamps(paths: list[Path] | tuple[Path, ...]) -> str:
    """Name, size and modification time of files: cheap, and changes when a file is replaced."""
    stats = [(path.name, path.stat()) for path in paths]
    return json.dumps([[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats])


def _decoded(path: Path, indices: Iterable[int]) -> Pixels:
    """Frames of a video in the order asked for, (T, H, W, 3)."""
    wanted = list(indices)
    frames = read_frames(path, wanted)
    return np.stack([frames[index].image for index in wanted])
