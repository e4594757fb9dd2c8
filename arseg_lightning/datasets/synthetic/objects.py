"""Textures of the driving scene's cars, people, trees, poles and signs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arseg_lightning.datasets.synthetic.textures import (
    PAINTS,
    Colours,
    Mask,
    as_colour,
    paint_foliage,
    pick_colour,
    smooth_noise,
)

__all__ = ["PAINTERS"]

_CLOTHES = (
    *((40, 44, 62), (130, 40, 44), (190, 180, 160)),
    *((62, 92, 120), (84, 84, 84), (180, 140, 50)),
)
_SKIN = ((206, 164, 138), (120, 82, 62), (164, 120, 92))
_HAIR = ((40, 32, 28), (110, 84, 50))
_BARK = ((86, 70, 56), (104, 96, 86))
_METALS = ((70, 72, 74), (126, 128, 126), (48, 62, 54), (150, 146, 138))


def _car(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A car from behind or from the front, and its outline."""
    u, v = _grid(rows, int(rows * 1.2))
    side = np.abs(u - 0.5)
    paint, roof = pick_colour(rng, PAINTS, 18), rng.uniform(0.26, 0.44)
    # The outline, (rows, columns), is the union of these.
    body = (side < 0.48) & (v > 0.40) & (v < 0.86)
    cabin = (v > 0.02) & (v <= 0.42) & (side < roof + (0.46 - roof) * (v - 0.02) / 0.4)
    wheels = (v > 0.8) & (side > 0.28) & (side < 0.45)
    car = np.broadcast_to(paint, (*u.shape, 3)) * (1.15 - 0.4 * v[:, :, None])
    car[(v > 0.09) & (v < 0.38) & (side < roof - 0.03 + (0.43 - roof) * v / 0.4)] = (46, 54, 62)
    lamps = (240, 236, 214) if rng.random() < 0.5 else (176, 26, 22)
    car[(v > 0.48) & (v < 0.58) & (side > 0.33) & (side < 0.46)] = lamps
    car[(v > 0.60) & (v < 0.66) & (side < 0.12)] = (214, 208, 176)
    car[(v > 0.70) & (v < 0.74)] *= 0.6
    car[v > 0.80] = (24, 24, 26)
    car[(v > 0.86) & (side < 0.28)] *= 0.6
    underside = (v >= 0.86) & (v < 0.96) & (side < 0.43)
    return car, body | cabin | wheels | underside


def _pedestrian(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A standing person, and the outline."""
    u, v = _grid(rows, int(rows * 0.38))
    side = np.abs(u - 0.5)
    head = ((u - 0.5) / 0.17) ** 2 + ((v - 0.075) / 0.075) ** 2 < 1
    torso = (v > 0.14) & (v < 0.56) & (side < 0.46 - 1.2 * np.maximum(0.22 - v, 0))
    legs = (v >= 0.52) & (side < 0.34) & (side > 0.5 * (v - 0.56))
    person = np.broadcast_to(pick_colour(rng, _CLOTHES, 16), (*u.shape, 3)).copy()
    person[(side > 0.34) & torso] *= 0.75
    person[legs & (v > 0.54)] = pick_colour(rng, _CLOTHES, 12) * 0.8
    person[head] = pick_colour(rng, _SKIN, 8)
    person[head & (v < 0.05)] = pick_colour(rng, _HAIR, 8)
    shade = 0.8 + 0.4 * smooth_noise(rng, u.shape, (12, 4))
    return person * shade[:, :, None], head | torso | legs


def _tree(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A tree with a ragged crown, and its outline."""
    u, v = _grid(rows, int(rows * 0.75))
    ragged = 0.75 + 0.5 * smooth_noise(rng, u.shape, (16, 12))
    if rng.random() < 0.3:
        crown = (np.abs(u - 0.5) < 0.5 * v * ragged) & (v < 0.85)
    else:
        crown = ((u - 0.5) / 0.46) ** 2 + ((v - 0.37) / 0.36) ** 2 < ragged
    trunk = (np.abs(u - 0.5) < 0.04) & (v > 0.5)
    tree = paint_foliage(rng, (u.shape[0], u.shape[1])) * (1.25 - 0.6 * v[:, :, None])
    tree[trunk & ~crown] = pick_colour(rng, _BARK, 8)
    return tree, crown | trunk


def _pole(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A bar of metal that fills its rectangle."""
    u, _ = _grid(rows, 4)
    return pick_colour(rng, _METALS, 10) * (1.15 - 0.5 * u[:, :, None]), np.ones(u.shape, np.bool_)


def _sign(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A traffic sign: a ring, a triangle or a blue or green board."""
    u, v = _grid(rows, rows)
    side, radius = np.abs(u - 0.5), np.hypot(u - 0.5, v - 0.5)
    kind = rng.integers(3)
    outline = (radius < 0.5, side < 0.5 * v, np.ones(u.shape, np.bool_))[kind]
    triangle, lines = (side < 0.5 * v - 0.17) & (v < 0.86), (side < 0.36) & (v % 0.3 > 0.17)
    inner = (radius < 0.34, triangle, lines)[kind]
    rim = (178, 30, 34) if kind < 2 else ((30, 70, 140), (34, 96, 66))[rng.integers(2)]
    sign = np.where(inner[:, :, None], as_colour((226, 226, 220)), as_colour(rim))
    sign[inner & (side < 0.08)] = (40, 40, 44)
    return sign, outline


def _grid(rows: int, columns: int) -> tuple[Colours, Colours]:
    """Position of each texel across and down, both from 0 to 1."""
    v, u = np.indices((rows, columns), dtype=np.float32) + 0.5
    return u / columns, v / rows


PAINTERS: dict[str, tuple[Callable[[np.random.Generator, int], tuple[Colours, Mask]], int]] = {
    "tree": (_tree, 128),
    "pole": (_pole, 16),
    "sign": (_sign, 32),
    "car": (_car, 72),
    "pedestrian": (_pedestrian, 72),
}
"""By class: paints colours and outline, and its rows of texels at the default image size."""
