"""All textures and objects of a driving scene, built once from its seed.

It is a corridor that repeats every ``SCENE_LENGTH`` metres: flat ground, a wall of house fronts and
trees on either side, and billboards (cars, people, poles) in between.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic import textures
from arseg_lightning.datasets.synthetic.billboards import (
    SCENE_LENGTH,
    draw_billboards,
    paint_levels,
)
from arseg_lightning.datasets.synthetic.plan import (
    Drive,
    Floats,
    Packed,
    Plan,
    draw_drive,
    draw_plan,
)

__all__ = ["Ribbon", "Scenery", "build_scenery"]

_SKY, _BUILDING, _ROAD, _PAVEMENT, _TREE = (
    DRIVING9.names.index(name) for name in ("sky", "building", "road", "pavement", "tree")
)
_WALL_TOP = 12.0
_GROUND_LENGTH, _GROUND_WIDTH = 64.0, 24.0


class Ribbon(NamedTuple):
    """A texture along the road with its mipmap levels."""

    texels: Packed  # all levels, one after the other
    starts: NDArray[np.int64]  # index of the first texel of each level
    width: int  # texels across
    density: float  # texels per metre, along and across

    def start_of(self, z: Floats, footprint: Floats) -> NDArray[np.int64]:
        """Index of the texel line at ``z`` in the level for samples ``footprint`` metres apart."""
        level = np.log2(np.maximum(footprint * self.density, 1.0)).astype(np.int64)
        level = np.minimum(level, len(self.starts) - 2)
        lines = (self.starts[1] - self.starts[0]) // self.width
        line = (z * self.density).astype(np.int64) % lines
        start: NDArray[np.int64] = self.starts[level] + (line >> level) * self.width
        return start


class Scenery(NamedTuple):
    """A scene, lit and painted."""

    sky: Packed  # twice as fine as the images, the horizon at its foot; its columns repeat
    ground: Ribbon  # road and pavements, the middle of the road in its middle
    walls: tuple[Ribbon, Ribbon]  # left and right, from the ground up
    wall_x: tuple[float, float]
    wall_height: tuple[Floats, Floats]  # at every texel along a wall
    billboards: NDArray[np.void]  # position and movement of everything between the walls
    levels: tuple[tuple[Packed, ...], ...]  # mipmap levels of each billboard's texture
    drive: Drive


def build_scenery(height: int, width: int, seed: int) -> Scenery:
    """Build the scene of a seed for images of a size."""
    plan = draw_plan(seed, height)
    # The order of these lines is the order of draws: another one gives other scenes.
    shades = plan.rng.permutation([plan.rng.uniform(0.6, 0.9), 1.0])
    (left, left_height), (right, right_height) = (_wall(plan, shade) for shade in shades)
    sky = plan.pack(textures.paint_sky(plan.texture_rng(), 2 * height, 4 * width), _SKY)
    billboards = draw_billboards(plan)
    levels = tuple(paint_levels(plan, int(index)) for index in billboards["class_index"])
    density = 24 * plan.detail
    shape = (int(_GROUND_LENGTH * density), int(_GROUND_WIDTH * density))
    colours, road = textures.paint_ground(plan.texture_rng(), shape, density, plan.road)
    ground_classes = np.where(road, _ROAD, _PAVEMENT).astype(np.uint8)
    ground = _ribbon(plan.pack(colours, ground_classes), density)
    drive = draw_drive(plan, height, width)
    walls, wall_height = (left, right), (left_height, right_height)
    return Scenery(sky, ground, walls, plan.wall_x, wall_height, billboards, levels, drive)


def _wall(plan: Plan, shade: float) -> tuple[Ribbon, Floats]:
    """House fronts and trees side by side: the texture, and the height at each texel."""
    rng, density = plan.rng, 16 * plan.detail
    lines, rows = int(SCENE_LENGTH * density), int(_WALL_TOP * density)
    colours = np.empty((lines, rows, 3), np.float32)
    class_index, height = np.empty((lines, 1), np.uint8), np.empty(lines)
    start = 0
    while start < lines:
        length = min(int(rng.uniform(7, 18) * density), lines - start)
        part = slice(start, start + length)
        if rng.random() < 0.72:
            height[part] = rng.uniform(4.0, _WALL_TOP - 0.5)
            top = int(height[start] * density)
            colours[part, :top] = textures.paint_facade(plan.texture_rng(), length, top, density)
            colours[part, top:] = colours[part, top - 1 : top]
            class_index[part] = _BUILDING
        else:
            cells = (max(2, length // density), 1)
            ragged = textures.smooth_noise(plan.texture_rng(), (length, 1), cells)[:, 0]
            height[part] = rng.uniform(2.0, 6.0) * (0.6 + 0.6 * ragged)
            colours[part] = textures.paint_foliage(plan.texture_rng(), (length, rows))
            class_index[part] = _TREE
        start += length
    return _ribbon(plan.pack(colours * np.float32(shade), class_index), density), height


def _ribbon(texels: Packed, density: float) -> Ribbon:
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
