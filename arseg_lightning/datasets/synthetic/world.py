"""What a synthetic driving scene consists of: textures, cards and a camera that drives.

The world is a corridor that repeats every ``STREET_LENGTH`` metres: flat ground, two walls of house
fronts and trees beside it, and upright cards (cars, people, poles) that face the camera. X runs
right, Y up, Z forward, all in metres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Packed = NDArray[np.uint32]

__all__ = ["STREET_LENGTH", "Cards", "Drive", "Ribbon", "Street", "View"]

STREET_LENGTH = 128.0
"""Metres after which the street repeats."""


@dataclass(frozen=True, slots=True)
class View:
    """The camera at one moment.

    Args:
        x: Metres right of the middle of the road.
        z: Metres driven.
        height: Metres above the ground.
        focal: Focal length in pixels.
        centre_x: Column of the vanishing point, in pixels from the left border.
        centre_y: Row of the horizon, in pixels from the top border.
    """

    x: float
    z: float
    height: float
    focal: float
    centre_x: float
    centre_y: float


@dataclass(frozen=True, slots=True)
class Drive:
    """How the camera moves: forward, turning slowly, nodding and shaking a little.

    Args:
        start: The camera at rest.
        speed: Metres per second.
        swings: Sine waves of x, z, column and row of the vanishing point, each (waves, 3):
            amplitude, period in seconds, phase.
    """

    start: View
    speed: float
    swings: tuple[Floats, Floats, Floats, Floats]

    def at(self, seconds: float) -> View:
        """The camera at a moment."""
        x, z, column, row = (
            float((wave[:, 0] * np.sin(2 * np.pi * seconds / wave[:, 1] + wave[:, 2])).sum())
            for wave in self.swings
        )
        return replace(
            self.start,
            x=self.start.x + x,
            z=self.start.z + z + self.speed * seconds,
            centre_x=self.start.centre_x + column,
            centre_y=self.start.centre_y + row,
        )


@dataclass(frozen=True, slots=True)
class Ribbon:
    """A texture along the street, ready to be seen at any distance: halved again and again.

    Only its length is halved, since a grazing view compresses nothing else.

    Args:
        texels: All levels one behind the other, RGB and the surface's number in 4 bytes.
        starts: Where each level starts.
        width: Texels across.
        density: Texels per metre, along and across.
    """

    texels: Packed
    starts: NDArray[np.int64]
    width: int
    density: float

    def start_of(self, z: Floats, footprint: Floats) -> NDArray[np.int64]:
        """Index of the texel line at ``z`` in the level for samples ``footprint`` metres apart."""
        level = np.log2(np.maximum(footprint * self.density, 1.0)).astype(np.int64)
        level = np.minimum(level, len(self.starts) - 2)
        lines = (self.starts[1] - self.starts[0]) // self.width
        line = (z * self.density).astype(np.int64) % lines
        start: NDArray[np.int64] = self.starts[level] + (line >> level) * self.width
        return start


@dataclass(frozen=True, slots=True)
class Cards:
    """Upright objects that face the camera, one entry of every array each.

    Args:
        textures: Levels of each object's picture, halved again and again; 0 where see-through.
        class_index: Class.
        reach: Metres from which it is seen; it grows to its size over the first 12 of them.
        size: Width and height in metres, (N, 2).
        place: X and Z at time 0 and height above the ground, in metres, (N, 3).
        speed: Metres per second along the street.
        sway: Metres of swaying across and along the street, (N, 2).
        period: Seconds of one sway.
        phase: Where in the sway it starts, in radians.
        crossing: Metres walked to the right while the camera comes near.
    """

    textures: tuple[tuple[Packed, ...], ...]
    class_index: NDArray[np.int64]
    reach: Floats
    size: Floats
    place: Floats
    speed: Floats
    sway: Floats
    period: Floats
    phase: Floats
    crossing: Floats

    def at(self, seconds: float, camera_z: float) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """X, distance in front of the camera, and how many streets lie between, at a moment."""
        swing = np.sin(2 * np.pi * seconds / self.period + self.phase)
        ahead = self.place[:, 1] + self.speed * seconds + self.sway[:, 1] * swing - camera_z
        lap = np.floor(ahead / STREET_LENGTH)
        distance = ahead - lap * STREET_LENGTH
        walked = np.clip((50.0 - distance) / 36.0, 0.0, 1.0)
        x = self.place[:, 0] + self.sway[:, 0] * swing + self.crossing * walked
        return x, distance, lap.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Street:
    """A street, lit and painted.

    Args:
        sky: Twice as fine as the pictures, the horizon at its foot; its columns repeat.
        ground: Texture of road and pavements, the middle of the road in its middle.
        walls: Textures of the left and the right wall, from the ground up.
        wall_x: Where the walls stand.
        wall_height: Height of each wall at every texel along it.
        cards: Everything that stands in between.
        drive: The camera.
        class_of: Class of each surface number: the scenery under its class, the cards behind.
    """

    sky: Packed
    ground: Ribbon
    walls: tuple[Ribbon, Ribbon]
    wall_x: tuple[float, float]
    wall_height: tuple[Floats, Floats]
    cards: Cards
    drive: Drive
    class_of: NDArray[np.uint8]
