"""Light, road and camera of a driving scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Camera", "Drive", "Floats", "Packed", "Plan", "draw_drive", "draw_plan"]

Floats: TypeAlias = NDArray[np.float64]

Packed: TypeAlias = NDArray[np.uint32]
"""Colour and class of a texel or sample in 4 bytes: R, G, B and the class index."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Choices for a whole scene; X (right, from the middle of the road), Y (up), Z in metres."""

    rng: np.random.Generator  # of all further choices, used in a fixed order
    light: NDArray[np.float32]  # brightness of each colour channel; 1 leaves the paint as it is
    detail: int  # texels are so many times finer than at the default image size
    road: float  # half its width
    wall_x: tuple[float, float]  # X of the left and the right wall
    lane: float  # X of the middle of the camera's lane
    speed: float  # of the camera, in metres per second

    def texture_rng(self) -> np.random.Generator:
        """A generator for one texture, so that finer textures leave the scene as it is."""
        return self.rng.spawn(1)[0]

    def pack(self, colours: NDArray[np.float32], class_index: int | NDArray[np.uint8]) -> Packed:
        """Light a texture, (rows, columns, 3), and pack it with its class, (rows, columns)."""
        packed = np.empty((*colours.shape[:2], 4), np.uint8)
        packed[..., :3] = np.clip(colours * self.light, 0, 255)
        packed[..., 3] = class_index
        return packed.view(np.uint32)[..., 0]


def draw_plan(seed: int, height: int) -> Plan:
    """Draw the plan of a seed's scene for images of a height."""
    rng = np.random.default_rng(seed)
    road = rng.uniform(4.2, 5.6)
    return Plan(
        rng=rng,
        light=(rng.uniform(0.65, 1.15) * rng.uniform(0.92, 1.08, 3)).astype(np.float32),
        detail=2 if height > 240 else 1,
        road=road,
        wall_x=(-road - rng.uniform(2.5, 4.2), road + rng.uniform(2.5, 4.2)),
        lane=rng.choice([-1, 1]) * 0.38 * road,
        speed=rng.uniform(5.0, 9.0),
    )


class Camera(NamedTuple):
    """The camera at one moment: metres in the scene, pixels on the screen."""

    x: float
    z: float
    height: float
    focal: float
    centre_x: float  # column of the vanishing point
    centre_y: float  # row of the horizon


class Drive(NamedTuple):
    """A camera that drives forward, turns slowly, nods and shakes a little.

    ``swings`` are sine waves of x, z, column and row of the vanishing point, each (waves, 3):
    amplitude, period in seconds, phase.
    """

    start: Camera
    speed: float  # metres per second
    swings: tuple[Floats, ...]

    def at(self, seconds: float) -> Camera:
        """The camera at a moment."""
        x, z, column, row = (
            float((wave[:, 0] * np.sin(2 * np.pi * seconds / wave[:, 1] + wave[:, 2])).sum())
            for wave in self.swings
        )
        return self.start._replace(
            x=self.start.x + x,
            z=self.start.z + z + self.speed * seconds,
            centre_x=self.start.centre_x + column,
            centre_y=self.start.centre_y + row,
        )


def draw_drive(plan: Plan, height: int, width: int) -> Drive:
    """Draw a drive in the camera's lane; what it does on the screen scales with the image."""
    rng = plan.rng

    def waves(*amplitudes_and_periods: tuple[float, float]) -> Floats:
        return np.array(
            [
                (a * rng.uniform(0.5, 1), p * rng.uniform(0.7, 1.3), rng.uniform(0, 6.28))
                for a, p in amplitudes_and_periods
            ]
        )

    start = Camera(
        x=plan.lane,
        z=0.0,
        height=rng.uniform(1.35, 1.75),
        focal=0.92 * width,
        centre_x=width / 2,
        centre_y=height * rng.uniform(0.42, 0.5),
    )
    shake = 0.0025 * height
    swings = (
        waves((0.3, 6.0)),
        waves((0.8, 4.0)),
        waves((0.05 * width, 6.0), (0.012 * width, 2.5), (shake, 0.4)),
        waves((0.012 * height, 2.2), (shake, 0.5)),
    )
    return Drive(start, plan.speed, swings)
