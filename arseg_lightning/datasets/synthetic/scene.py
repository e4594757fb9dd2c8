"""Synthetic driving scenes as a data set: rendered on the spot, nothing to download."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.labelled_video import LabelledVideo, Layout, Pixels
from arseg_lightning.datasets.synthetic.render import average_samples, render
from arseg_lightning.datasets.synthetic.scenery import Packed, Scenery, build_scenery
from arseg_lightning.ranges import check_above, check_range

__all__ = ["DrivingScene", "SyntheticDriving"]


@dataclass(frozen=True)
class DrivingScene(LabelledVideo):
    """A drive through a synthetic town, with a label of every frame.

    The camera drives forward, turns and shakes; cars and people move on their own and hide one
    another; poles are at most 3 pixels wide at the default size. Images are smooth at edges, labels
    are the class at the pixel's centre. More frames drive on down the same road; twice the ``fps``
    shows the same drive in smaller steps.

    Raises:
        ValueError: If a size or number is too small.
    """

    height: int = 160
    width: int = 240
    num_frames: int = 60
    seed: int = 0
    fps: float = 30.0

    classes = DRIVING9

    def __post_init__(self) -> None:
        check_range(32, height=self.height, width=self.width)
        check_range(1, num_frames=self.num_frames)
        check_range(0, seed=self.seed)
        check_above(0, fps=self.fps)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The seed's."""
        return f"driving_{self.seed:05d}"

    @property
    def length(self) -> int:  # type: ignore[override]
        """The number of frames."""
        return self.num_frames

    @property
    def labelled(self) -> tuple[int, ...]:
        """All frames."""
        return tuple(range(self.num_frames))

    @property
    def identity(self) -> str:
        """All parameters."""
        return "driving|" + json.dumps(asdict(self), sort_keys=True)

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
        if not 0 <= index < self.num_frames:
            raise IndexError(f"frame {index} of a video of {self.num_frames} frames")
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
