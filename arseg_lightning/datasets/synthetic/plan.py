"""The choices that hold for a whole street, drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arseg_lightning.datasets.synthetic.world import Packed

__all__ = ["StreetPlan", "draw_plan"]


@dataclass(frozen=True, slots=True)
class StreetPlan:
    """What all parts of one street agree on.

    Args:
        rng: Source of all further choices, used in a fixed order.
        light: Brightness of each colour channel; 1 leaves the paint as it is.
        detail: Texels are so many times finer than at the default picture size.
        road: Half the width of the road in metres.
        wall_x: Where the left and the right wall stand, in metres from the middle of the road.
        lane: Middle of the camera's lane, in metres from the middle of the road.
        speed: Speed of the camera in metres per second.
    """

    rng: np.random.Generator
    light: NDArray[np.float32]
    detail: int
    road: float
    wall_x: tuple[float, float]
    lane: float
    speed: float

    def brush(self) -> np.random.Generator:
        """A generator for one texture: how finely it is painted leaves the street as it is."""
        return self.rng.spawn(1)[0]

    def pack(self, colours: NDArray[np.float32], surface: int | NDArray[np.uint8]) -> Packed:
        """Light a texture and put it with its surface number into 4 bytes a texel.

        Shapes:
            colours: (rows, columns, 3)   returns: (rows, columns)
        """
        packed = np.empty((*colours.shape[:2], 4), np.uint8)
        packed[..., :3] = np.clip(colours * self.light, 0, 255)
        packed[..., 3] = surface
        return packed.view(np.uint32)[..., 0]


def draw_plan(seed: int, height: int) -> StreetPlan:
    """Draw the plan of a seed's street for pictures of the given height."""
    rng = np.random.default_rng(seed)
    road = rng.uniform(4.2, 5.6)
    return StreetPlan(
        rng=rng,
        light=(rng.uniform(0.65, 1.15) * rng.uniform(0.92, 1.08, 3)).astype(np.float32),
        detail=2 if height > 240 else 1,
        road=road,
        wall_x=(-road - rng.uniform(2.5, 4.2), road + rng.uniform(2.5, 4.2)),
        lane=rng.choice([-1, 1]) * 0.38 * road,
        speed=rng.uniform(5.0, 9.0),
    )
