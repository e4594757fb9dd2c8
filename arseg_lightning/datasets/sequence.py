"""A sequence: frames in time, some of which have labels, wherever they come from."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.camera_path import render_still_clip
from arseg_lightning.datasets.labels import read_image, read_label
from arseg_lightning.types import ClassSet
from arseg_lightning.video.decode import read_frames
from arseg_lightning.video.synthetic import StreetScene

__all__ = [
    "ImageSequence",
    "Sequence",
    "SpanSequence",
    "StillSequence",
    "StreetSequence",
    "VideoSequence",
]

Pixels = NDArray[np.uint8]


class Sequence(ABC):
    """Frames in time and the labels of some of them.

    Attributes:
        name: Unique within its layout; part of file names and messages.
        classes: How the labels are read.
        fps: Frames a second.
        video: The sequence as a video file, if it is one already; else it is encoded once.
    """

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
    def image(self, index: int) -> Pixels:
        """Read one labelled frame before any compression by us, (H, W, 3) RGB."""

    @abstractmethod
    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label of one labelled frame, (H, W) class indices."""


@dataclass(frozen=True)
class VideoSequence(Sequence):
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
        return _stamps([self.path])

    def images(self) -> Iterator[Pixels]:
        """Not needed: the file is used as it is."""
        raise NotImplementedError(f"{self.path} is a video already and is not encoded again")

    def image(self, index: int) -> Pixels:
        """Decode one frame."""
        return read_frames(self.path, [index])[index].image

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label file of a frame."""
        return read_label(self.label_paths[index], self.classes, size)


@dataclass(frozen=True)
class ImageSequence(Sequence):
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
        return _stamps(self.paths)

    def images(self) -> Iterator[Pixels]:
        """Read the files one after the other."""
        return (read_image(path) for path in self.paths)

    def image(self, index: int) -> Pixels:
        """Read one file."""
        return read_image(self.paths[index])

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label file of a frame."""
        return read_label(self.label_paths[index], self.classes, size)


@dataclass(frozen=True)
class SpanSequence(Sequence):
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
        return _stamps([self.path]) + f"|span|{self.start}|{self.stop}"

    def images(self) -> Iterator[Pixels]:
        """Decode the piece."""
        wanted = range(self.start, self.stop)
        frames = read_frames(self.path, list(wanted))
        return (frames[index].image for index in wanted)

    def image(self, index: int) -> Pixels:
        """Decode one frame."""
        wanted = self.start + index
        return read_frames(self.path, [wanted])[wanted].image

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label file."""
        return read_label(self.label_path, self.classes, size)


@dataclass(frozen=True)
class StillSequence(Sequence):
    """A labelled still made into a clip by a smooth camera path that ends at the still.

    Args:
        name: Name of the still.
        path: The image.
        label_path: Its label, which belongs to the last frame.
        classes: How the label is read.
        num_frames: Length of the clip.
        seed: Decides the camera's path.
        fps: Frames a second.
    """

    name: str
    path: Path
    label_path: Path
    classes: ClassSet
    num_frames: int
    seed: int
    fps: float = 15.0

    @property
    def labelled(self) -> tuple[int, ...]:
        """The last frame: the still itself."""
        return (self.num_frames - 1,)

    @property
    def identity(self) -> str:
        """The file's stamp and what decides the path."""
        return _stamps([self.path]) + f"|camera_path|{self.num_frames}|{self.seed}"

    def images(self) -> Iterator[Pixels]:
        """Render the clip."""
        image = read_image(self.path)
        blank = np.zeros(image.shape[:2], np.uint8)
        images, _ = render_still_clip(image, blank, self.num_frames, (self.seed,))
        return iter(images)

    def image(self, index: int) -> Pixels:
        """Read the still."""
        return read_image(self.path)

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the still's label."""
        return read_label(self.label_path, self.classes, size)


@dataclass(frozen=True)
class StreetSequence(Sequence):
    """A synthetic street video; every frame has an exact label.

    Args:
        name: Name of the sequence.
        scene: What is rendered.
        classes: The scene's classes.
    """

    name: str
    scene: StreetScene
    classes: ClassSet

    @property
    def fps(self) -> float:  # type: ignore[override]
        """The scene's frame rate."""
        return float(self.scene.fps)

    @property
    def labelled(self) -> tuple[int, ...]:
        """All frames."""
        return tuple(range(self.scene.num_frames))

    @property
    def identity(self) -> str:
        """All parameters of the scene."""
        return "street|" + json.dumps(asdict(self.scene), sort_keys=True)

    def images(self) -> Iterator[Pixels]:
        """Render the frames one after the other."""
        return (image for image, _ in self.scene.frames())

    def image(self, index: int) -> Pixels:
        """Render one frame."""
        return self.scene.frame(index)[0]

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Render one label."""
        return self.scene.frame(index)[1]


def _stamps(paths: list[Path] | tuple[Path, ...]) -> str:
    """Name, size and modification time of files: cheap, and changes when a file is replaced."""
    stats = [(path.name, path.stat()) for path in paths]
    return json.dumps([[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats])
