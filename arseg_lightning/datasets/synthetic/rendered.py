"""Sequences that are rendered: camera paths over stills, and the synthetic driving scene."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from arseg_lightning.datasets.labelled_video import LabelledVideo, Pixels, file_stamps
from arseg_lightning.datasets.labels import read_image, read_label
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.datasets.synthetic.still_clips import (
    camera_path,
    render_path,
    render_still_clip,
)
from arseg_lightning.types import ClassSet

__all__ = ["LabelledDrivingScene", "LabelledStill"]


@dataclass(frozen=True)
class LabelledStill(LabelledVideo):
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

    is_still: ClassVar[bool] = True

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
        return file_stamps([self.path]) + f"|camera_path|{self.num_frames}|{self.seed}"

    def images(self) -> Iterator[Pixels]:
        """Render the clip."""
        image = read_image(self.path)
        blank = np.zeros(image.shape[:2], np.uint8)
        images, _ = render_still_clip(image, blank, self.num_frames, (self.seed,))
        return iter(images)

    def read(self, indices: Iterable[int]) -> Pixels:
        """Render some frames of the clip; the last one is the still itself."""
        image = read_image(self.path)
        size = (image.shape[0], image.shape[1])
        path = camera_path((self.seed,), self.num_frames, size)[list(indices)]
        return render_path(image, np.zeros(size, np.uint8), path)[0]

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read the still's label."""
        return read_label(self.label_path, self.classes, size)


@dataclass(frozen=True)
class LabelledDrivingScene(LabelledVideo):
    """A synthetic street video; every frame has an exact label.

    Args:
        name: Name of the sequence.
        scene: What is rendered.
        classes: The scene's classes.
    """

    name: str
    scene: DrivingScene
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

    def read(self, indices: Iterable[int]) -> Pixels:
        """Render some frames."""
        return np.stack([self.scene.frame(index)[0] for index in indices])

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Render one label."""
        return self.scene.frame(index)[1]
