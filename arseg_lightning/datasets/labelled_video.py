"""Labelled videos: frames in time, some of which have labels, wherever they come from."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.labels import read_label
from arseg_lightning.types import ClassSet, size_text
from arseg_lightning.video.frame_reader import read_frames
from arseg_lightning.video.images import read_image

__all__ = ["LabelledImages", "LabelledVideo", "LabelledVideoFile", "Layout", "Pixels"]
__all__ += ["file_stamps"]

Pixels = NDArray[np.uint8]

_READ_AT_ONCE = 16  # frames


class LabelledVideo(ABC):
    """Frames in time and the labels of some of them."""

    # One labelled image, around which all other frames are rendered.
    is_still: ClassVar[bool] = False

    name: str  # unique within its layout; part of file names and messages
    classes: ClassSet  # how the labels are read
    length: int  # number of frames, of a video that is no file yet
    label_paths: Mapping[int, Path]  # label file of each labelled frame index
    fps: float = 25.0
    video: Path | None = None  # the video file, if it is one already; else it is encoded once

    @property
    def labelled(self) -> tuple[int, ...]:
        """Indices of the labelled frames, ascending."""
        return tuple(sorted(self.label_paths))

    @property
    @abstractmethod
    def identity(self) -> str:
        """A text that changes whenever the frames do; encoded copies are filed under it."""

    @abstractmethod
    def read(self, indices: Iterable[int]) -> Pixels:
        """Read some frames, and no others, before any compression by us, (T, H, W, 3) RGB."""

    def images(self) -> Iterator[Pixels]:
        """Yield all frames in order, before any compression by us, (H, W, 3) RGB."""
        for start in range(0, self.length, _READ_AT_ONCE):
            yield from self.read(range(start, min(start + _READ_AT_ONCE, self.length)))

    def image(self, index: int) -> Pixels:
        """Read one frame before any compression by us, (H, W, 3) RGB."""
        image: Pixels = self.read([index])[0]
        return image

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the label of one labelled frame, (H, W) class indices."""
        return read_label(self.label_paths[index], self.classes, size)


class Layout(ABC):
    """Where the frames and labels of one split of a data set are.

    A new data set is a subclass with ``classes`` and :meth:`videos`; nothing else changes.
    """

    classes: ClassSet

    @property
    def protocol(self) -> str:
        """What results on these data are named after: the classes, and labels of other origin."""
        return self.classes.name

    @property
    def has_other_labels(self) -> bool:
        """Whether labels are not the data set's own, so that results have to say whose they are."""
        return self.protocol != self.classes.name

    @abstractmethod
    def videos(self) -> list[LabelledVideo]:
        """List the labelled videos, in a fixed order.

        Raises:
            FileNotFoundError: If anything is missing; the first file is named.
            ValueError: If a name is wrong.
        """


class LabelledVideoFile(LabelledVideo):
    """A video file with label files for some of its frames.

    It is used as it is; an excerpt, frames ``start`` to ``stop - 1``, is encoded by itself.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        label_paths: dict[int, Path],
        classes: ClassSet,
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        self.name, self.label_paths, self.classes = name, label_paths, classes
        self.path = path
        self.start, self.stop = start, stop
        if stop is None:
            self.video = path
        else:
            self.length, self.fps = stop - start, 30.0

    @property
    def identity(self) -> str:
        """The file's stamp and the frames of the excerpt."""
        excerpt = "" if self.stop is None else f"|span|{self.start}|{self.stop}"
        return file_stamps([self.path]) + excerpt

    def read(self, indices: Iterable[int]) -> Pixels:
        """Decode some frames in one pass: a video is its own original."""
        wanted = [self.start + index for index in indices]
        frames = read_frames(self.path, wanted)
        return np.stack([frames[index].image for index in wanted])  # (T, H, W, 3)


class LabelledImages(LabelledVideo):
    """Consecutive frames as image files, in order of time."""

    def __init__(
        self,
        name: str,
        paths: Sequence[Path],
        label_paths: dict[int, Path],
        classes: ClassSet,
        fps: float = 25.0,
    ) -> None:
        self.name, self.label_paths, self.classes = name, label_paths, classes
        self.paths, self.fps = paths, fps
        self.length = len(paths)

    @property
    def identity(self) -> str:
        """The stamps of all files."""
        return file_stamps(self.paths)

    def read(self, indices: Iterable[int]) -> Pixels:
        """Read some files."""
        paths = [self.paths[index] for index in indices]
        images = [read_image(path) for path in paths]
        for path, image in zip(paths, images, strict=True):
            if image.shape != images[0].shape:
                raise ValueError(
                    f"{path} is {size_text(image.shape)}, {paths[0]} is "
                    f"{size_text(images[0].shape)} (height x width); scale all frames of a clip "
                    f"to one size"
                )
        return np.stack(images)  # (T, H, W, 3)


def file_stamps(paths: Sequence[Path]) -> str:
    """Name, size and modification time of files: cheap, and changes when a file is replaced."""
    stats = [(path.name, path.stat()) for path in paths]
    return json.dumps([[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats])
