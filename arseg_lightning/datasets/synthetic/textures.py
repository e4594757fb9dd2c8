"""Textures of the driving scene: sky, ground, house fronts, leaves and objects.

Positions are shares of a texture or metres, and never texels: a finer texture shows the same.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import RGB

__all__ = ["Colours", "paint_facade", "paint_foliage", "paint_ground", "paint_object", "paint_sky"]
__all__ += ["smooth_noise"]

Colours: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

# Walls, road and clothes share greys and browns on purpose: colour alone must not tell classes.
_PAINTS: dict[str, tuple[RGB, ...]] = {
    "wall": ((150, 92, 74), (178, 160, 132), (128, 128, 132), (196, 188, 176), (112, 96, 84)),
    "glass": ((52, 62, 76), (88, 100, 112), (40, 40, 44)),
    "leaves": ((66, 92, 44), (92, 112, 56), (128, 100, 46), (50, 76, 52)),
    "slabs": ((150, 146, 140), (128, 120, 112), (112, 112, 116)),
    "asphalt": ((76, 76, 80), (98, 98, 102), (120, 120, 124)),
    "car": ((168, 32, 30), (36, 58, 120), (206, 206, 204), (30, 32, 36), (122, 126, 130)),
    "lamps": ((240, 236, 214), (176, 26, 22)),
    "coat": ((40, 44, 62), (130, 40, 44), (190, 180, 160), (62, 92, 120), (84, 84, 84)),
    "skin": ((206, 164, 138), (120, 82, 62), (164, 120, 92)),
    "metal": ((70, 72, 74), (126, 128, 126), (48, 62, 54)),
    "bark": ((86, 70, 56), (104, 96, 86)),
    "rim": ((178, 30, 34), (30, 70, 140), (34, 96, 66)),
    "white": ((226, 226, 220),),
    "black": ((24, 24, 26),),
}

# Parts of the objects, each over those before it: form, paint, and in shares of the object's size
# the distance from its middle, where it starts and stops to either side, its top and its bottom.
_PARTS: dict[str, tuple[tuple[str, str, float, float, float, float], ...]] = {
    "pole": (("box", "metal", 0.0, 0.5, 0.0, 1.0),),
    "sign": (("oval", "rim", 0.0, 0.5, 0.0, 1.0), ("oval", "white", 0.0, 0.34, 0.16, 0.84)),
    "tree": (("box", "bark", 0.0, 0.04, 0.5, 1.0), ("crown", "leaves", 0.0, 0.46, 0.0, 0.72)),
    "pedestrian": (
        ("box", "asphalt", 0.04, 0.34, 0.50, 1.0),
        ("oval", "coat", 0.0, 0.46, 0.13, 0.62),
        ("oval", "skin", 0.0, 0.17, 0.0, 0.16),
    ),
    "car": (
        ("box", "black", 0.0, 0.40, 0.85, 0.96),  # its shadow
        ("box", "black", 0.28, 0.45, 0.80, 0.99),
        ("box", "car", 0.0, 0.48, 0.40, 0.87),
        ("box", "car", 0.0, 0.36, 0.02, 0.42),
        ("box", "glass", 0.0, 0.31, 0.09, 0.38),
        ("box", "lamps", 0.33, 0.46, 0.48, 0.58),
        ("box", "white", 0.0, 0.12, 0.60, 0.66),
    ),
}


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]
) -> Colours:
    """Blobs of brightness 0..1, ``cells`` of them along each axis; tiles seamlessly."""
    rows = _stretch(rng.random(cells, np.float32), shape[0])
    return _stretch(rows.T, shape[1]).T


def _stretch(grid: Colours, length: int) -> Colours:
    """Blend the rows of a grid into ``length`` rows; the last one leads back to the first."""
    position = np.arange(length, dtype=np.float32) * np.float32(len(grid) / length)
    # Smoothstep between neighbours, so that cells have no edges.
    first, rest = position.astype(np.int64), (position % 1)[:, None]
    blend = rest * rest * (3 - 2 * rest)
    stretched: Colours = grid[first % len(grid)] * (1 - blend)
    stretched += grid[(first + 1) % len(grid)] * blend
    return stretched


def _colour(rng: np.random.Generator, paint: str) -> Colours:
    """One of the colours of a paint, a little off."""
    chosen = np.array(_PAINTS[paint][rng.integers(len(_PAINTS[paint]))], np.float32)
    colour: Colours = np.clip(chosen + rng.uniform(-14, 14, 3).astype(np.float32), 0, 255)
    return colour


def paint_sky(rng: np.random.Generator, rows: int, columns: int) -> Colours:
    """A gradient with clouds, (rows, columns, 3); tiles along its columns."""
    grey = np.float32(rng.choice([0.0, 0.8]))  # clear or overcast
    top, bottom = np.array([(70, 120, 190), (190, 205, 220)], np.float32) * (1 - grey) + 160 * grey
    height = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    clouds = smooth_noise(rng, (rows, columns), (3, 5))
    clouds += 0.5 * smooth_noise(rng, (rows, columns), (12, 20))
    cover = np.clip(2 * clouds - rng.uniform(1.2, 2.0), 0, 0.85)[:, :, None].astype(np.float32)
    sky = top * (1 - height) + bottom * height
    cloudy: Colours = sky + cover * (np.float32(236) - sky)
    return cloudy


def paint_foliage(rng: np.random.Generator, shape: tuple[int, int]) -> Colours:
    """Leaves: speckled green or brown, (*shape, 3)."""
    light = 0.45 + 0.5 * smooth_noise(rng, shape, (10, 8))
    light += 0.5 * smooth_noise(rng, shape, (40, 32))
    return _colour(rng, "leaves") * light[:, :, None]


def paint_facade(rng: np.random.Generator, length: float, height: float, density: int) -> Colours:
    """A house front with rows of windows, (along, up, 3), counted from the ground.

    Units:
        length, height: metres.   density: texels per metre.
    """
    shape = (int(length * density), int(height * density))
    front = np.broadcast_to(_colour(rng, "wall"), (*shape, 3)).copy()
    along, up = np.arange(shape[0])[:, None] / density, np.arange(shape[1])[None] / density
    spacing, storey = rng.uniform(2.0, 3.6), rng.uniform(2.7, 3.4)
    half, above = spacing * rng.uniform(0.2, 0.36), up % storey
    beside = np.abs(along % spacing - spacing / 2)
    # Windows at regular distances, each of a frame and its glass.
    front[(beside < half + 0.12) & (above > 0.8) & (above < storey - 0.4)] *= rng.uniform(0.6, 1.4)
    glass = (beside < half) & (above > 0.9) & (above < storey - 0.5)
    shine = 0.5 + smooth_noise(rng, shape, (10, 8))  # some reflect more of the sky than others
    front[glass] = _colour(rng, "glass") * shine[glass][:, None]
    front *= 0.85 + 0.3 * smooth_noise(rng, shape, (7, 9))[:, :, None]
    front[: density // 6] *= 0.7  # the gap to the next house
    return front


def paint_ground(
    rng: np.random.Generator, size: tuple[int, int], density: int, road_half_width: float
) -> tuple[Colours, Mask]:
    """Road with a broken centre line and a crossing between two pavements, and the road's mask.

    Units:
        size, road_half_width: metres.   density: texels per metre.

    Shapes:
        returns: (along, across, 3) and (along, across)
    """
    shape = (size[0] * density, size[1] * density)
    along = np.arange(shape[0])[:, None] / density
    across = (np.arange(shape[1])[None] + 0.5 - shape[1] / 2) / density
    road = np.broadcast_to(np.abs(across) < road_half_width, shape)
    ground = np.where(road[:, :, None], _colour(rng, "asphalt"), _colour(rng, "slabs"))
    grain = smooth_noise(rng, shape, (512, 192)) + smooth_noise(rng, shape, (64, 24))
    ground *= (0.72 + 0.28 * grain)[:, :, None]
    joint = (along % 1.0 < 1.5 / density) | (across % 1.0 < 1.5 / density)
    ground[~road & joint] *= 0.72
    kerb = (np.abs(across) >= road_half_width) & (np.abs(across) < road_half_width + 0.25)
    ground[:, kerb[0]] *= rng.uniform(1.1, 1.35)
    white = (np.abs(across) < 0.09) & (along % 4.0 < 2.0)
    bars = (np.abs(across) < road_half_width - 0.3) & (across % 1.0 < 0.5)
    white |= (np.abs(along - rng.uniform(8, size[0] - 8)) < 1.4) & bars
    ground[white] = ground[white] * 0.25 + rng.uniform(140, 175)
    return ground, road


def paint_object(rng: np.random.Generator, kind: str, rows: int) -> tuple[Colours, Mask]:
    """An object from the front, (rows, rows, 3), stretched to a square, and its outline."""
    v, u = (np.indices((rows, rows), dtype=np.float32) + 0.5) / rows
    side = np.abs(u - 0.5)
    colours, outline = np.zeros((rows, rows, 3), np.float32), np.zeros((rows, rows), np.bool_)
    paints = {paint: _colour(rng, paint) for _, paint, *_ in _PARTS[kind]}
    for form, paint, start, stop, top, bottom in _PARTS[kind]:
        if form == "box":
            part = (side >= start) & (side < stop) & (v >= top) & (v < bottom)
        else:
            part = (side / stop) ** 2 + ((2 * v - top - bottom) / (bottom - top)) ** 2 < 1
        if form == "crown":  # ragged
            part &= smooth_noise(rng, (rows, rows), (16, 12)) > 0.3
        colours[part] = paints[paint]
        if paint == "leaves":
            colours[part] = paint_foliage(rng, (rows, rows))[part]
        outline |= part
    return colours * (1.15 - 0.35 * v[:, :, None]), outline
