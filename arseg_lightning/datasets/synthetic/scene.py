"""Synthetic driving scenes as a data set: rendered on the spot, nothing to download."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property

import numpy as np

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.labelled_video import LabelledVideo, Layout, Pixels
from arseg_lightning.datasets.synthetic.render import average_samples, render
from arseg_lightning.datasets.synthetic.scenery import Packed, Scenery, build_scenery
from arseg_lightning.ranges import check_above, check_range

__all__ = ["DrivingScene", "SyntheticDriving"]


class DrivingScene(LabelledVideo):
    """A drive through a synthetic town, with a label of every frame.

    The camera drives forward, turns and shakes; cars and people move on their own and hide one
    another; poles are at most 3 pixels wide at the default size. Images are smooth at edges, labels
    are the class at the pixel's centre. More frames drive on down the same road; twice the ``fps``
    shows the same drive in smaller steps.

    Raises:
        ValueError: If a size or number is too small.
    """

    classes = DRIVING9

    def __init__(
        self,
        height: int = 160,
        width: int = 240,
        num_frames: int = 60,
        seed: int = 0,
        fps: float = 30.0,
    ) -> None:
        check_range(32, height=height, width=width)
        check_range(1, num_frames=num_frames)
        check_range(0, seed=seed)
        check_above(0, fps=fps)
        self.name, self.length, self.fps = f"driving_{seed:05d}", num_frames, fps
        self.height, self.width, self.seed = height, width, seed

    @property
    def labelled(self) -> tuple[int, ...]:
        """All frames."""
        return tuple(range(self.length))

    @property
    def identity(self) -> str:
        """All parameters."""
        size = {"height": self.height, "width": self.width, "num_frames": self.length}
        parameters = size | {"seed": self.seed, "fps": self.fps}
        return "driving|" + json.dumps(parameters, sort_keys=True)

    def read(self, indices: Iterable[int]) -> Pixels:
        """Render some frames."""
        return np.stack([average_samples(self._render(index, samples=2)) for index in indices])

    def label(self, index: int, size: tuple[int, int] | None = None) -> Pixels:
        """Render one label, always of the scene's own size."""
        return (self._render(index, samples=1) >> 24).astype(np.uint8)

    @cached_property
    def _scenery(self) -> Scenery:
        return build_scenery(self.height, self.width, self.seed)

    def _render(self, index: int, samples: int) -> Packed:
        if not 0 <= index < self.length:
            raise IndexError(f"frame {index} of a video of {self.length} frames")
        return render(self._scenery, index / self.fps, (self.height, self.width), samples)


class SyntheticDriving(Layout):
    """Synthetic driving scenes with exact labels.

    Args:
        num_videos: Number of scenes.
        num_frames: Frames of each.
        height: Height in pixels.
        width: Width in pixels.
        first_seed: Seed of the first scene; give each split its own range.
        fps: Frames a second.
    """

    classes = DRIVING9

    def __init__(
        self,
        num_videos: int = 4,
        num_frames: int = 36,
        height: int = 160,
        width: int = 240,
        first_seed: int = 0,
        fps: int = 25,
    ) -> None:
        check_range(1, num_videos=num_videos)
        check_range(0, first_seed=first_seed)
        self._scenes = [
            DrivingScene(height, width, num_frames, seed, float(fps))
            for seed in range(first_seed, first_seed + num_videos)
        ]

    def videos(self) -> list[LabelledVideo]:
        """One video a seed."""
        return [*self._scenes]
