"""Put a street together: sky, ground and walls, and the camera's drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic import textures
from arseg_lightning.datasets.synthetic.objects import draw_cards
from arseg_lightning.datasets.synthetic.plan import StreetPlan, draw_plan
from arseg_lightning.datasets.synthetic.world import (
    STREET_LENGTH,
    Drive,
    Ribbon,
    Street,
    View,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arseg_lightning.datasets.synthetic.world import Floats, Packed

__all__ = ["build_street"]

_SKY, _BUILDING, _ROAD, _PAVEMENT, _TREE = (
    DRIVING9.names.index(name) for name in ("sky", "building", "road", "pavement", "tree")
)
_WALL_TOP = 12.0
_GROUND_LENGTH, _GROUND_WIDTH = 64.0, 24.0


def build_street(height: int, width: int, seed: int) -> Street:
    """Draw the street of a seed for pictures of the given size."""
    plan = draw_plan(seed, height)
    shades = plan.rng.permutation([plan.rng.uniform(0.6, 0.9), 1.0])
    (left, left_height), (right, right_height) = (_wall(plan, shade) for shade in shades)
    sky = textures.paint_sky(plan.brush(), 2 * height, 4 * width)
    cards = draw_cards(plan)
    classes = [*range(DRIVING9.num_classes), *cards.class_index]
    return Street(
        sky=plan.pack(sky, _SKY),
        ground=_ground(plan),
        walls=(left, right),
        wall_x=plan.wall_x,
        wall_height=(left_height, right_height),
        cards=cards,
        drive=_drive(plan, height, width),
        class_of=np.array(classes, np.uint8),
    )


def _drive(plan: StreetPlan, height: int, width: int) -> Drive:
    """A camera in its lane; what it does on the screen scales with the picture."""
    rng = plan.rng

    def waves(*amplitudes_and_periods: tuple[float, float]) -> Floats:
        return np.array(
            [
                (a * rng.uniform(0.5, 1), p * rng.uniform(0.7, 1.3), rng.uniform(0, 6.28))
                for a, p in amplitudes_and_periods
            ]
        )

    start = View(
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


def _ground(plan: StreetPlan) -> Ribbon:
    density = 24 * plan.detail
    shape = (int(_GROUND_LENGTH * density), int(_GROUND_WIDTH * density))
    colours, road = textures.paint_ground(plan.brush(), shape, density, plan.road)
    return _ribbon(plan.pack(colours, np.where(road, _ROAD, _PAVEMENT).astype(np.uint8)), density)


def _wall(plan: StreetPlan, shade: float) -> tuple[Ribbon, Floats]:
    """House fronts and trees side by side: the texture, and the height at each texel."""
    rng, density = plan.rng, 16 * plan.detail
    lines, rows = int(STREET_LENGTH * density), int(_WALL_TOP * density)
    colours = np.empty((lines, rows, 3), np.float32)
    surface, height = np.empty((lines, 1), np.uint8), np.empty(lines)
    start = 0
    while start < lines:
        length = min(int(rng.uniform(7, 18) * density), lines - start)
        part = slice(start, start + length)
        if rng.random() < 0.72:
            height[part] = rng.uniform(4.0, _WALL_TOP - 0.5)
            top = int(height[start] * density)
            colours[part, :top] = textures.paint_facade(plan.brush(), length, top, density)
            colours[part, top:] = colours[part, top - 1 : top]
            surface[part] = _BUILDING
        else:
            ragged = textures.smooth_noise(
                plan.brush(), (length, 1), (max(2, length // density), 1)
            )[:, 0]
            height[part] = rng.uniform(2.0, 6.0) * (0.6 + 0.6 * ragged)
            colours[part] = textures.paint_foliage(plan.brush(), (length, rows))
            surface[part] = _TREE
        start += length
    return _ribbon(plan.pack(colours * np.float32(shade), surface), density), height


def _ribbon(texels: Packed, density: float) -> Ribbon:
    """Halve a texture along its length as often as it divides."""
    levels = [texels.view(np.uint8).reshape(*texels.shape, 4)]
    while len(levels[-1]) % 2 == 0 and len(levels[-1]) > 8:
        levels.append(_halve(levels[-1]))
    flat = [level.reshape(-1, 4).view(np.uint32)[:, 0] for level in levels]
    starts = np.cumsum([0, *(len(level) for level in flat)])
    return Ribbon(np.concatenate(flat), starts, texels.shape[1], density)


def _halve(texels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average pairs of texel lines; the surface number of the first one stays."""
    halved = ((texels[::2].astype(np.uint16) + texels[1::2]) // 2).astype(np.uint8)
    halved[..., 3] = texels[::2, ..., 3]
    return halved
