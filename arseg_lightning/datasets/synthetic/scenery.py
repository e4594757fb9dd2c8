"""All textures, objects and the drive of a driving scene, drawn from its seed.

It is a corridor that repeats every ``SCENE_LENGTH`` metres: flat ground, a wall of house fronts and
trees on either side, and billboards (cars, people, poles), which face the camera, in between.
X (right, from the middle of the road), height and Z (ahead) are in metres.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic import textures

__all__ = ["SCENE_LENGTH", "Billboard", "Camera", "Floats", "Packed", "Scenery", "build_scenery"]

Floats: TypeAlias = NDArray[np.float64]

Packed: TypeAlias = NDArray[np.uint32]
"""Colour and class of a texel or sample in 4 bytes: R, G, B and the class index."""

SCENE_LENGTH = 128
_WALL_TOP = 12
_GROUND = (64, 24)  # metres along and across, after which the ground repeats or ends
_GROUND_DENSITY, _WALL_DENSITY = 24, 16  # texels per metre at the default image size
_ROWS = {"tree": 96, "pole": 16, "sign": 32, "car": 64, "pedestrian": 48}  # of their textures
_VARIANTS = 8  # textures of each kind of object
_STROLL_SECONDS = 24.0  # across the road and back


class Ribbon(NamedTuple):
    """A texture along the road with its mipmap levels."""

    texels: Packed  # all levels, one after the other
    starts: NDArray[np.int64]  # index of the first texel of each level
    width: int  # texels across
    density: int  # texels per metre, along and across

    def at(self, z: Floats, footprint: Floats, across: NDArray[np.float32]) -> Packed:
        """Texels at z, ``across`` metres from one side, for samples ``footprint`` metres apart."""
        # The three shapes broadcast: z and footprint belong to a row or column of the image.
        level = np.log2(np.maximum(footprint * self.density, 1.0)).astype(np.int64)
        level = np.minimum(level, len(self.starts) - 2)
        lines = (self.starts[1] - self.starts[0]) // self.width
        line = (z * self.density).astype(np.int64) % lines
        start = (self.starts[level] + (line >> level) * self.width).astype(np.int32)
        column = np.clip(across * np.float32(self.density), 0, self.width - 1).astype(np.int32)
        texels: Packed = self.texels.take(column + start, mode="clip")
        return texels


class Billboard(NamedTuple):
    """An object that faces the camera."""

    kind: str  # its class
    texture: Packed  # 0 is transparent
    width: float
    height: float
    x: float
    z: float  # at time 0
    base: float = 0.0  # above the ground
    speed: float = 0.0  # along the road, in metres per second
    stroll: float = 0.0  # how far it goes to either side and back

    def at(self, seconds: float, camera_z: float) -> tuple[float, float]:
        """X, and distance ahead of the camera; what was passed comes again at the far end."""
        swing = np.sin(2 * np.pi * seconds / _STROLL_SECONDS + self.z)
        return self.x + self.stroll * swing, (
            self.z + self.speed * seconds - camera_z
        ) % SCENE_LENGTH


class Camera(NamedTuple):
    """The camera at one moment: metres in the scene, pixels on the screen."""

    x: float
    z: float
    height: float
    focal: float
    centre_x: float  # column of the vanishing point
    centre_y: float  # row of the horizon


class Scenery(NamedTuple):
    """A scene, lit and painted, and the drive through it."""

    sky: Packed  # twice as fine as the images, the horizon at its foot; its columns repeat
    ground: Ribbon  # road and pavements, the middle of the road in its middle
    walls: tuple[tuple[float, Ribbon, Floats], ...]  # X, from the ground up, height at each texel
    billboards: list[Billboard]
    start: Camera
    speed: float
    # Sine waves of the camera's x, z, centre_x and centre_y, each (waves, 3): amplitude, period in
    # seconds, phase.
    swings: tuple[Floats, ...]

    def camera(self, seconds: float) -> Camera:
        """The camera drives forward, turns slowly, nods and shakes a little."""
        x, z, column, row = (
            float((wave[:, 0] * np.sin(2 * np.pi * seconds / wave[:, 1] + wave[:, 2])).sum())
            for wave in self.swings
        )
        return self.start._replace(
            x=self.start.x + x,
            z=z + self.speed * seconds,
            centre_x=self.start.centre_x + column,
            centre_y=self.start.centre_y + row,
        )


def build_scenery(height: int, width: int, seed: int) -> Scenery:
    """Build the scene of a seed for images of a size; larger ones show the same one."""
    rng = np.random.default_rng(seed)
    detail = 2 if height > 240 else 1
    light = (rng.uniform(0.65, 1.15) * rng.uniform(0.92, 1.08, 3)).astype(np.float32)
    road, speed = rng.uniform(4.2, 5.6), rng.uniform(5.0, 9.0)
    lane = rng.choice([-1, 1]) * 0.38 * road
    wall_x = [-road - rng.uniform(2.5, 4.2), road + rng.uniform(2.5, 4.2)]
    walls = []
    for x, shade in zip(wall_x, rng.permutation([0.75, 1.0]), strict=True):
        walls.append((x, *_wall(rng, light * np.float32(shade), _WALL_DENSITY * detail)))
    kinds: dict[str, list[Packed]] = {kind: [] for kind in _ROWS}
    for kind, rows in _ROWS.items():
        for _ in range(_VARIANTS):
            colours, outline = textures.paint_object(rng, kind, rows * detail)
            kinds[kind].append(np.where(outline, _pack(colours * light, kind), np.uint32(0)))
    billboards = _billboards(rng, kinds, road, lane, wall_x, speed)
    sky = _pack(textures.paint_sky(rng, 2 * height, 4 * width) * light, "sky")
    density = _GROUND_DENSITY * detail
    colours, is_road = textures.paint_ground(rng, _GROUND, density, road)
    ground = np.where(is_road, _pack(colours * light, "road"), _pack(colours * light, "pavement"))
    start = Camera(
        x=lane,
        z=0.0,
        height=rng.uniform(1.35, 1.75),
        focal=0.92 * width,
        centre_x=width / 2,
        centre_y=height * rng.uniform(0.42, 0.5),
    )
    # Amplitudes in metres, or shares of the image's width or height; periods in seconds.
    waves = (
        [(0.3, 6.0)],
        [(0.8, 4.0)],
        [(0.05 * width, 6.0), (0.012 * width, 2.5), (0.0025 * height, 0.4)],
        [(0.012 * height, 2.2), (0.0025 * height, 0.5)],
    )
    swings = tuple(
        np.array([(a * rng.uniform(0.5, 1), p, rng.uniform(0, 6.28)) for a, p in each])
        for each in waves
    )
    ribbon = _ribbon(ground, density)
    return Scenery(sky, ribbon, tuple(walls), billboards, start, speed, swings)


def _pack(colours: textures.Colours, kind: str) -> Packed:
    """Pack a texture, (rows, columns, 3), with its class, (rows, columns)."""
    packed = np.empty((*colours.shape[:2], 4), np.uint8)
    packed[..., :3] = np.clip(colours, 0, 255)
    packed[..., 3] = DRIVING9.names.index(kind)
    return packed.view(np.uint32)[..., 0]


def _wall(rng: np.random.Generator, light: textures.Colours, density: int) -> tuple[Ribbon, Floats]:
    """House fronts and trees side by side: the texture, and the height at each texel."""
    texels = np.zeros((SCENE_LENGTH * density, _WALL_TOP * density), np.uint32)
    height = np.empty(len(texels))
    start = 0
    while start < SCENE_LENGTH:
        length = min(int(rng.integers(7, 19)), SCENE_LENGTH - start)
        part = slice(start * density, (start + length) * density)
        if rng.random() < 0.72:
            height[part] = tall = rng.uniform(4.0, _WALL_TOP - 0.5)
            front = textures.paint_facade(rng, length, tall, density)
            texels[part, : front.shape[1]] = _pack(front * light, "building")
        else:
            shape = (length * density, texels.shape[1])
            height[part] = rng.uniform(2.0, 6.0)
            height[part] *= 0.6 + 0.6 * textures.smooth_noise(rng, (shape[0], 1), (length, 1))[:, 0]
            texels[part] = _pack(textures.paint_foliage(rng, shape) * light, "tree")
        start += length
    return _ribbon(texels, density), height


def _ribbon(texels: Packed, density: int) -> Ribbon:
    """Halve a texture along its length, as a grazing view compresses nothing else."""
    levels = [texels.view(np.uint8).reshape(*texels.shape, 4)]
    while len(levels[-1]) % 2 == 0 and len(levels[-1]) > 8:
        fine = levels[-1]
        coarse = ((fine[::2].astype(np.uint16) + fine[1::2]) // 2).astype(np.uint8)
        coarse[..., 3] = fine[::2, ..., 3]  # classes have no mean
        levels.append(coarse)
    flat = [level.reshape(-1, 4).view(np.uint32)[:, 0] for level in levels]
    starts = np.cumsum([0, *(len(level) for level in flat)])
    return Ribbon(np.concatenate(flat), starts, texels.shape[1], density)


def _billboards(
    rng: np.random.Generator,
    kinds: dict[str, list[Packed]],
    road: float,
    lane: float,
    wall_x: list[float],
    speed: float,
) -> list[Billboard]:
    """Draw position and movement of everything between the walls."""
    found = []

    def add(kind: str, size: tuple[float, float], x: float, z: float, **moves: float) -> None:
        texture = kinds[kind][rng.integers(_VARIANTS)]
        found.append(Billboard(kind, texture, *size, x, z, **moves))

    def add_cars(x: float, number: int, slowest: float = 0.0, fastest: float = 0.0) -> None:
        for z in rng.uniform(0, SCENE_LENGTH, number):
            size = (rng.uniform(1.65, 1.95), rng.uniform(1.4, 1.9))
            add("car", size, x, z, speed=rng.uniform(slowest, fastest))

    def add_people(left: float, right: float, number: int, stroll: float, fastest: float) -> None:
        for z in rng.uniform(0, SCENE_LENGTH, number):
            tall, pace = rng.uniform(1.5, 1.95), rng.uniform(-fastest, fastest)
            x = rng.uniform(left, right)
            add("pedestrian", (0.36 * tall, tall), x, z, speed=pace, stroll=stroll)

    for side, wall in zip((-1, 1), np.abs(wall_x), strict=True):
        kerb = road + 0.5
        for z in np.arange(rng.uniform(0, 12), SCENE_LENGTH, rng.uniform(11, 17)):
            tall = rng.uniform(5.0, 7.0)  # a lamp and its arm
            add("pole", (0.22, tall), side * kerb, z)
            add("pole", (1.5, 0.16), side * (kerb - 0.7), z, base=tall - 0.15)
        for z in rng.uniform(0, SCENE_LENGTH, 8):
            wide, low, x = rng.uniform(0.8, 1.3), rng.uniform(1.7, 2.3), side * kerb
            add("pole", (0.14, low + 0.1), x, z)
            add("sign", (wide, wide), x, z, base=low)
        for z in rng.uniform(0, SCENE_LENGTH, rng.integers(3, 8)):
            tall = rng.uniform(3.6, 7.0)
            add("tree", (0.72 * tall, tall), side * rng.uniform(kerb + 0.6, wall - 0.8), z)
        add_cars(side * (road - 1.0), int(rng.integers(3, 7)))  # parked
        left, right = sorted((side * (kerb + 0.3), side * (wall - 0.5)))
        add_people(left, right, 14, 0.3, 1.6)
    add_cars(-lane, 4, -9.0, -5.0)  # oncoming
    add_cars(lane, 2, 0.9 * speed, 1.1 * speed)
    add_people(-1.0, 1.0, 5, road + 1.0, 0.0)  # who cross the road
    return found
