"""A synthetic driving scene video with exact labels and exact motion, made on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic.render import average_samples, place_cards, render_street
from arseg_lightning.datasets.synthetic.scenery import build_street
from arseg_lightning.ranges import check_above, check_range
from arseg_lightning.types import Motion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from arseg_lightning.datasets.synthetic.render import CardsInView
    from arseg_lightning.datasets.synthetic.world import Floats, Packed, Street, View

__all__ = ["DrivingScene"]

_SKY, _ROAD, _PAVEMENT = (DRIVING9.names.index(n) for n in ("sky", "road", "pavement"))
_FIRST_CARD = DRIVING9.num_classes
_INFINITY = 1e12


@dataclass(frozen=True)
class DrivingScene:
    """A drive down a made-up street: pictures, labels, and where every pixel came from.

    Every seed is another street with its own light, colours, houses and traffic. The camera
    drives forward, turns and shakes; cars and people move on their own and hide one another;
    poles are at most 3 pixels wide at the default size. Pictures are smooth at edges, labels
    are the class at the pixel's centre. Any frame can be asked for alone, in any order.

    Args:
        height: Rows of the pictures.
        width: Columns of the pictures.
        num_frames: Frames of the video; more of them go on down the same street.
        seed: Which street.
        fps: Frames per second; twice as many show the same drive in smaller steps.

    Raises:
        ValueError: If a size or number is too small.
    """

    height: int = 160
    width: int = 240
    num_frames: int = 60
    seed: int = 0
    fps: float = 30.0

    def __post_init__(self) -> None:
        """Check sizes and numbers."""
        check_range(32, height=self.height, width=self.width)
        check_range(1, num_frames=self.num_frames)
        check_range(0, seed=self.seed)
        check_above(0, fps=self.fps)

    def __len__(self) -> int:
        """Frames of the video."""
        return self.num_frames

    def frames(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Picture and label of every frame in order, as :meth:`frame` gives them."""
        return (self.frame(index) for index in range(self.num_frames))

    def frame(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Picture and label of one frame.

        Shapes:
            returns: (H, W, 3) and (H, W)
        """
        return average_samples(self._render(index, 2)), self._street.class_of[self._surfaces(index)]

    def motion(self, index: int, reference: int) -> Motion:
        """Exact backward motion of a frame: where each of its pixels is in the reference frame.

        It is valid where the same surface is seen there, that is, where nothing hides the place
        and it lies in the picture.

        Shapes:
            returns: (2, H, W)
        """
        surface, seen = self._surfaces(index), self._surfaces(reference)
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        target_x, target_y = self._follow_scenery(surface, x, y, index, reference)
        now, then = self._cards(index), self._cards(reference)
        lost = np.zeros(surface.shape, np.bool_)
        for card in np.unique(surface[surface >= _FIRST_CARD]) - _FIRST_CARD:
            here = surface == card + _FIRST_CARD
            left, top, wide, tall = now.boxes[card]
            to_left, to_top, to_wide, to_tall = then.boxes[card]
            target_x[here] = to_left + (x[here] - left) * (to_wide / wide)
            target_y[here] = to_top + (y[here] - top) * (to_tall / tall)
            lost[here] = now.laps[card] != then.laps[card]
        inside = (
            (target_x >= 0) & (target_x < self.width) & (target_y >= 0) & (target_y < self.height)
        )
        column = np.where(inside, target_x, 0).astype(int)
        row = np.where(inside, target_y, 0).astype(int)
        valid = inside & ~lost & (seen[row, column] == surface)
        return Motion(np.stack([target_x - x, target_y - y]).astype(np.float32), valid)

    @cached_property
    def _street(self) -> Street:
        return build_street(self.height, self.width, self.seed)

    def _view(self, index: int) -> View:
        if not 0 <= index < self.num_frames:
            raise IndexError(f"frame {index} of a video of {self.num_frames} frames")
        return self._street.drive.at(index / self.fps)

    def _surfaces(self, index: int) -> NDArray[np.uint8]:
        """Number of the surface that is seen at each pixel's centre, (H, W)."""
        return (self._render(index, 1) >> 24).astype(np.uint8)

    def _render(self, index: int, samples: int) -> Packed:
        size = (self.height, self.width)
        return render_street(self._street, self._view(index), self._cards(index), size, samples)

    def _cards(self, index: int) -> CardsInView:
        size = (self.height, self.width)
        return place_cards(self._street, self._view(index), index / self.fps, size)

    def _follow_scenery(
        self, surface: NDArray[np.uint8], x: Floats, y: Floats, index: int, reference: int
    ) -> tuple[Floats, Floats]:
        """Where the points of sky, ground and walls that each pixel shows are in the reference."""
        now, then = self._view(index), self._view(reference)
        across, down = x - now.centre_x, y - now.centre_y
        wall_x = np.where(across < 0, *self._street.wall_x) - now.x
        to_ground = now.height / np.maximum(down, 1e-3)
        to_wall = np.abs(wall_x) / np.maximum(np.abs(across), 1e-3)
        is_ground = (surface == _ROAD) | (surface == _PAVEMENT)
        distance = now.focal * np.where(is_ground, to_ground, to_wall)
        distance[surface == _SKY] = _INFINITY
        growth = distance / np.maximum(distance + now.z - then.z, 1e-6)
        across += (now.x - then.x) * now.focal / distance
        return then.centre_x + across * growth, then.centre_y + down * growth
