"""Textures of the synthetic driving scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Colours = NDArray[np.float32]
    Metres = NDArray[np.float64]
    Mask = NDArray[np.bool_]

__all__ = [
    "paint_car",
    "paint_facade",
    "paint_foliage",
    "paint_ground",
    "paint_pedestrian",
    "paint_pole",
    "paint_sign",
    "paint_sky",
    "paint_tree",
    "smooth_noise",
]

# Walls, road and clothes share greys and browns on purpose: colour alone must not tell classes.
_WALLS = ((150, 92, 74), (178, 160, 132), (128, 128, 132), (196, 188, 176), (112, 96, 84))
_PAINTS = (
    (168, 32, 30),
    (36, 58, 120),
    (206, 206, 204),
    (30, 32, 36),
    (122, 126, 130),
    (70, 96, 60),
)
_CLOTHES = (
    (40, 44, 62),
    (130, 40, 44),
    (190, 180, 160),
    (62, 92, 120),
    (84, 84, 84),
    (180, 140, 50),
)
_LEAVES = ((66, 92, 44), (92, 112, 56), (128, 100, 46), (50, 76, 52))
_SLABS = ((150, 146, 140), (128, 120, 112), (112, 112, 116))
_METALS = ((70, 72, 74), (126, 128, 126), (48, 62, 54), (150, 146, 138))


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]
) -> Colours:
    """Blobs of brightness 0..1, ``cells`` of them along each axis; tiles seamlessly."""
    rows = _stretch(rng.random(cells, np.float32), shape[0])
    return _stretch(rows.T, shape[1]).T


def paint_sky(rng: np.random.Generator, rows: int, columns: int) -> Colours:
    """A gradient with clouds, (rows, columns, 3); tiles along its columns."""
    clear, overcast = ((70, 120, 190), (190, 205, 220)), ((150, 155, 162), (205, 205, 200))
    top, bottom = clear if rng.random() < 0.6 else overcast
    height = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    clouds = np.zeros((rows, columns), np.float32)
    for octave in range(4):
        cells = (3 * 2**octave, 5 * 2**octave)
        clouds += smooth_noise(rng, (rows, columns), cells) * 0.5**octave
    cover = np.clip((clouds - rng.uniform(0.8, 1.2)) * 2, 0, 0.85)[:, :, None].astype(np.float32)
    sky = _colour(top) * (1 - height) + _colour(bottom) * height
    cloudy: Colours = sky + cover * (_colour((236, 236, 238)) - sky)
    return cloudy


def paint_facade(rng: np.random.Generator, length: int, height: int, density: float) -> Colours:
    """A house front with rows of windows, (length, height, 3), height counted from the ground.

    Units:
        density: texels per metre.
    """
    wall = _pick(rng, _WALLS, 22)
    front = np.broadcast_to(wall, (length, height, 3)).copy()
    front *= 0.85 + 0.3 * smooth_noise(rng, (length, height), (7, 9))[:, :, None]
    along, up = np.arange(length)[:, None] / density, np.arange(height)[None] / density
    spacing, storey = rng.uniform(2.0, 3.6), rng.uniform(2.7, 3.4)
    half = spacing * rng.uniform(0.2, 0.36)
    beside = np.abs(along % spacing - spacing / 2)
    above = up % storey
    frame = (beside < half + 0.12) & (above > 0.8) & (above < storey - 0.4)
    glass = (beside < half) & (above > 0.9) & (above < storey - 0.5)
    front[frame] = wall * rng.uniform(0.6, 1.4)
    panes = rng.uniform(
        0.5, 1.5, (int(length / density / spacing) + 2, int(height / density / storey) + 2)
    )
    shine = panes[(along // spacing).astype(int), (up // storey).astype(int)][:, :, None]
    front[glass] = (_pick(rng, ((52, 62, 76), (88, 100, 112), (40, 40, 44)), 10) * shine)[glass]
    if rng.random() < 0.4:  # a shop: a coloured band over the ground floor
        front[:, (up[0] > storey - 0.5) & (up[0] < storey)] = _pick(rng, _PAINTS, 20)
    front[:, -max(1, int(0.35 * density)) :] *= 0.6
    front[: max(1, int(0.15 * density))] *= 0.7
    return front


def paint_foliage(rng: np.random.Generator, shape: tuple[int, int]) -> Colours:
    """Leaves: speckled green or brown, (*shape, 3)."""
    light = 0.45 + 0.5 * smooth_noise(rng, shape, (max(2, shape[0] // 12), max(2, shape[1] // 12)))
    light += 0.5 * smooth_noise(rng, shape, (max(2, shape[0] // 3), max(2, shape[1] // 3)))
    return _pick(rng, _LEAVES, 14) * light[:, :, None]


def paint_ground(
    rng: np.random.Generator, shape: tuple[int, int], density: float, road_half_width: float
) -> tuple[Colours, Mask]:
    """Road with markings between two pavements, and where the road is.

    Units:
        density: texels per metre.   road_half_width: metres.

    Shapes:
        returns: (along, across, 3) and (along, across)
    """
    along = np.arange(shape[0])[:, None] / density
    across = (np.arange(shape[1], dtype=np.float64)[None] + 0.5 - shape[1] / 2) / density
    road = np.broadcast_to(np.abs(across) < road_half_width, shape)
    grey = rng.uniform(72, 124)
    ground = np.where(road[:, :, None], _colour((grey, grey, grey + 4)), _pick(rng, _SLABS, 12))
    grain = 0.5 * smooth_noise(rng, shape, (shape[0] // 3, shape[1] // 3))
    grain += 0.5 * smooth_noise(rng, shape, (shape[0] // 24, shape[1] // 24))
    ground *= (0.72 + 0.56 * grain)[:, :, None]
    joint = ~road & ((along % 1.0 < 1.5 / density) | (across % 1.0 < 1.5 / density))
    ground[joint] *= 0.72
    kerb = (np.abs(across) >= road_half_width) & (np.abs(across) < road_half_width + 0.25)
    ground[:, kerb[0]] *= rng.uniform(1.1, 1.35)
    _paint_markings(rng, ground, along, across, road_half_width)
    return ground, road


def _paint_markings(
    rng: np.random.Generator,
    ground: Colours,
    along: Metres,
    across: Metres,
    road_half_width: float,
) -> None:
    """Paint a broken centre line, sometimes edge lines, a crossing and darker repairs."""
    period, paint = rng.choice([4.0, 8.0]), rng.uniform(185, 235)
    white = (np.abs(across) < 0.09) & (along % period < period / 2)
    if rng.random() < 0.5:
        white |= (np.abs(np.abs(across) - (road_half_width - 0.4)) < 0.07) & (along >= 0)
    crossing = rng.uniform(8, along[-1, 0] - 8)
    bars = (np.abs(across) < road_half_width - 0.3) & (across % 1.0 < 0.5)
    white |= (np.abs(along - crossing) < 1.4) & bars
    for _ in range(6):
        z, x = rng.uniform(0, along[-1, 0]), rng.uniform(-road_half_width, road_half_width - 1)
        ground[
            (along > z) & (along < z + rng.uniform(1, 6)) & (across > x) & (across < x + 0.9)
        ] *= 0.8
    ground[white] = ground[white] * 0.25 + paint * 0.75


def paint_car(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A car from behind or from the front, and its outline."""
    u, v = _grid(rows, int(rows * 1.2))
    side = np.abs(u - 0.5)
    paint, roof = _pick(rng, _PAINTS, 18), rng.uniform(0.26, 0.44)
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


def paint_pedestrian(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A standing person, and the outline."""
    u, v = _grid(rows, int(rows * 0.38))
    side = np.abs(u - 0.5)
    head = ((u - 0.5) / 0.17) ** 2 + ((v - 0.075) / 0.075) ** 2 < 1
    torso = (v > 0.14) & (v < 0.56) & (side < 0.46 - 1.2 * np.maximum(0.22 - v, 0))
    legs = (v >= 0.52) & (side < 0.34) & (side > 0.5 * (v - 0.56))
    person = np.broadcast_to(_pick(rng, _CLOTHES, 16), (*u.shape, 3)).copy()
    person[(side > 0.34) & torso] *= 0.75
    person[legs & (v > 0.54)] = _pick(rng, _CLOTHES, 12) * 0.8
    person[head] = _pick(rng, ((206, 164, 138), (120, 82, 62), (164, 120, 92)), 8)
    person[head & (v < 0.05)] = _pick(rng, ((40, 32, 28), (110, 84, 50)), 8)
    return person * (0.8 + 0.4 * smooth_noise(rng, u.shape, (12, 4)))[
        :, :, None
    ], head | torso | legs


def paint_tree(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A tree with a ragged crown, and its outline."""
    u, v = _grid(rows, int(rows * 0.75))
    ragged = 0.75 + 0.5 * smooth_noise(rng, u.shape, (16, 12))
    if rng.random() < 0.3:
        crown = (np.abs(u - 0.5) < 0.5 * v * ragged) & (v < 0.85)
    else:
        crown = ((u - 0.5) / 0.46) ** 2 + ((v - 0.37) / 0.36) ** 2 < ragged
    trunk = (np.abs(u - 0.5) < 0.04) & (v > 0.5)
    tree = paint_foliage(rng, (u.shape[0], u.shape[1])) * (1.25 - 0.6 * v[:, :, None])
    tree[trunk & ~crown] = _pick(rng, ((86, 70, 56), (104, 96, 86)), 8)
    return tree, crown | trunk


def paint_pole(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A bar of metal that fills its rectangle."""
    u, _ = _grid(rows, 4)
    return _pick(rng, _METALS, 10) * (1.15 - 0.5 * u[:, :, None]), np.ones(u.shape, np.bool_)


def paint_sign(rng: np.random.Generator, rows: int) -> tuple[Colours, Mask]:
    """A traffic sign: a ring, a triangle or a blue or green board."""
    u, v = _grid(rows, rows)
    side, radius = np.abs(u - 0.5), np.hypot(u - 0.5, v - 0.5)
    kind = rng.integers(3)
    outline = (radius < 0.5, side < 0.5 * v, np.ones(u.shape, np.bool_))[kind]
    inner = (radius < 0.34, (side < 0.5 * v - 0.17) & (v < 0.86), (side < 0.36) & (v % 0.3 > 0.17))[
        kind
    ]
    rim = (178, 30, 34) if kind < 2 else ((30, 70, 140), (34, 96, 66))[rng.integers(2)]
    sign = np.where(inner[:, :, None], _colour((226, 226, 220)), _colour(rim))
    sign[inner & (side < 0.08)] = (40, 40, 44)
    return sign, outline


def _colour(rgb: tuple[float, float, float]) -> Colours:
    return np.array(rgb, np.float32)


def _pick(
    rng: np.random.Generator, colours: tuple[tuple[int, int, int], ...], spread: float
) -> Colours:
    """One of the colours, off by up to ``spread`` in each channel."""
    chosen = _colour(colours[rng.integers(len(colours))])
    return np.clip(chosen + rng.uniform(-spread, spread, 3).astype(np.float32), 0, 255)


def _grid(rows: int, columns: int) -> tuple[Colours, Colours]:
    """Where each texel is, across and down, both from 0 to 1."""
    v, u = np.indices((rows, columns), dtype=np.float32) + 0.5
    return u / columns, v / rows


def _stretch(grid: Colours, length: int) -> Colours:
    """Blend the rows of a grid into ``length`` rows; the last one leads back to the first."""
    place = np.arange(length, dtype=np.float32) * np.float32(len(grid) / length)
    first, rest = place.astype(np.int64), (place % 1)[:, None]
    blend = rest * rest * (3 - 2 * rest)
    stretched: Colours = grid[first % len(grid)] * (1 - blend)
    stretched += grid[(first + 1) % len(grid)] * blend
    return stretched
