"""Positions and textures of poles, signs, trees, cars and people; all face the camera."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic.objects import PAINTERS
from arseg_lightning.datasets.synthetic.plan import Floats, Packed, Plan

__all__ = ["SCENE_LENGTH", "draw_billboards", "paint_levels", "positions"]

SCENE_LENGTH = 128.0
"""Metres after which the scene repeats."""

_BILLBOARD = np.dtype(
    [
        ("class_index", np.int64),
        ("size", np.float64, 2),  # width and height in metres
        ("position", np.float64, 3),  # x and z at time 0, and height above the ground, in metres
        ("speed", np.float64),  # metres per second along the road
        ("sway", np.float64, 2),  # metres across and along the road
        ("period", np.float64),  # of the sway, in seconds
        ("phase", np.float64),
        ("crossing", np.float64),  # metres walked to the right while the camera comes near
    ]
)


def positions(billboards: NDArray[np.void], seconds: float, camera_z: float) -> list[Floats]:
    """X and distance ahead of the camera, each (N,), of all billboards at a moment."""
    position, sway = billboards["position"], billboards["sway"]
    swing = np.sin(2 * np.pi * seconds / billboards["period"] + billboards["phase"])
    # The road repeats: what was passed comes again at its far end.
    ahead = position[:, 1] + billboards["speed"] * seconds + sway[:, 1] * swing - camera_z
    distance = ahead - np.floor(ahead / SCENE_LENGTH) * SCENE_LENGTH
    walked = np.clip((50.0 - distance) / 36.0, 0.0, 1.0)
    return [position[:, 0] + sway[:, 0] * swing + billboards["crossing"] * walked, distance]


def draw_billboards(plan: Plan) -> NDArray[np.void]:
    """Draw position and movement of everything between the walls of a scene."""
    rng, lane = plan.rng, plan.lane
    found = [*_kerbside(plan, -1), *_kerbside(plan, 1)]
    # Oncoming cars, a car or two ahead, and people who cross the road.
    oncoming = rng.uniform(0, SCENE_LENGTH, 4)
    found += [_car(rng, -lane, z, speed=-rng.uniform(5, 9)) for z in oncoming]
    ahead = (rng.uniform(11, 18), rng.uniform(28, 50))
    moves = {"speed": plan.speed, "sway": (0.25, 2.5)}
    found += [_car(rng, lane, z, **moves) for z in ahead if rng.random() < 0.7]
    for z in rng.uniform(0, SCENE_LENGTH, 5):
        side = rng.choice([-1, 1])
        way = -side * (2 * plan.road + 2.0)
        found.append(_person(rng, side * (plan.road + 1.0), z, crossing=way))
    return np.array(found, _BILLBOARD)


def _billboard(
    kind: str,
    size: tuple[float, float],
    position: tuple[float, float, float],
    **moves: Any,
) -> tuple[Any, ...]:
    still = {"speed": 0.0, "sway": (0.0, 0.0), "period": 1.0, "phase": 0.0, "crossing": 0.0}
    return DRIVING9.names.index(kind), size, position, *(still | moves).values()


def _kerbside(plan: Plan, side: int) -> list[tuple[Any, ...]]:
    """Lamps, signs, bollards, trees, parked cars and people of one side."""
    rng, kerb = plan.rng, plan.road + 0.5
    wall = abs(plan.wall_x[(side + 1) // 2])
    found = []
    for z in np.arange(rng.uniform(0, 20), SCENE_LENGTH, rng.uniform(17, 26)):
        tall = rng.uniform(5.0, 7.0)
        found.append(_billboard("pole", (0.22, tall), (side * kerb, z, 0.0)))
        found.append(_billboard("pole", (1.5, 0.16), (side * kerb - side * 0.7, z, tall - 0.15)))
    for z in rng.uniform(0, SCENE_LENGTH, 8):
        x = side * (kerb + rng.uniform(0, 0.5))
        wide, low = rng.uniform(0.8, 1.3), rng.uniform(1.7, 2.3)
        found.append(_billboard("pole", (0.14, low + 0.1), (x, z, 0.0)))
        found.append(_billboard("sign", (wide, wide), (x, z, low)))
    for start in rng.uniform(0, SCENE_LENGTH, 2):
        for number in range(7):
            position = (side * (kerb - 0.1), start + 1.7 * number, 0.0)
            found.append(_billboard("pole", (0.15, 1.0), position))
    for z in rng.uniform(0, SCENE_LENGTH, rng.integers(3, 8)):
        tall = rng.uniform(3.6, 7.0)
        position = (side * rng.uniform(kerb + 0.6, wall - 0.8), z, 0.0)
        found.append(_billboard("tree", (0.72 * tall, tall), position))
    parked = rng.uniform(0, SCENE_LENGTH, rng.integers(3, 7))
    found += [_car(rng, side * (plan.road - 1.0), z) for z in parked]
    for z in rng.uniform(0, SCENE_LENGTH, 12):
        x = side * rng.uniform(kerb + 0.3, wall - 0.5)
        found.append(_person(rng, x, z, speed=rng.choice([-1, 1]) * rng.uniform(0.0, 1.6)))
    return found


def _car(rng: np.random.Generator, x: float, z: float, **moves: Any) -> tuple[Any, ...]:
    size = (rng.uniform(1.65, 1.95), rng.uniform(1.4, 1.9))
    period, phase = rng.uniform(4, 8), rng.uniform(0, 6.28)
    return _billboard("car", size, (x, z, 0.0), period=period, phase=phase, **moves)


def _person(rng: np.random.Generator, x: float, z: float, **moves: Any) -> tuple[Any, ...]:
    tall = rng.uniform(1.5, 1.95)
    moves |= {"sway": (0.3, 0.4), "period": rng.uniform(2, 5), "phase": rng.uniform(0, 6.28)}
    return _billboard("pedestrian", (0.36 * tall, tall), (x, z, 0.0), **moves)


def paint_levels(plan: Plan, class_index: int) -> tuple[Packed, ...]:
    """Paint a billboard and halve it down to a few texels; transparent texels are 0."""
    paint, rows_of_texels = PAINTERS[DRIVING9.names[class_index]]
    colours, opaque = paint(plan.texture_rng(), rows_of_texels * plan.detail)
    # Transparent texels take the mean colour, so that halving does not darken the outline.
    colours = np.where(opaque[:, :, None], colours, colours[opaque].mean(axis=0))
    levels = []
    while True:
        levels.append(np.where(opaque, plan.pack(colours, class_index), np.uint32(0)))
        rows, columns = opaque.shape
        if min(rows, columns) < 8:
            return tuple(levels)
        colours = colours[: rows // 2 * 2, : columns // 2 * 2]
        colours = colours.reshape(rows // 2, 2, columns // 2, 2, 3).mean(axis=(1, 3))
        opaque = opaque[: rows // 2 * 2, : columns // 2 * 2]
        opaque = opaque.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)) >= 0.5
