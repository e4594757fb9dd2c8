"""Textures of the driving scene: sky, ground, house fronts and leaves, painted once."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["PAINTS", "Colours", "Mask", "as_colour", "paint_facade", "paint_foliage"]
__all__ += ["paint_ground", "paint_sky", "pick_colour", "smooth_noise"]

Colours: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

# Walls, road and clothes share greys and browns on purpose: colour alone must not tell classes.
_WALLS = ((150, 92, 74), (178, 160, 132), (128, 128, 132), (196, 188, 176), (112, 96, 84))
_GLASS = ((52, 62, 76), (88, 100, 112), (40, 40, 44))
_LEAVES = ((66, 92, 44), (92, 112, 56), (128, 100, 46), (50, 76, 52))
_SLABS = ((150, 146, 140), (128, 120, 112), (112, 112, 116))
PAINTS = (
    *((168, 32, 30), (36, 58, 120), (206, 206, 204)),
    *((30, 32, 36), (122, 126, 130), (70, 96, 60)),
)


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
    for octave in range(4):  # finer and finer, fainter and fainter
        cells = (3 * 2**octave, 5 * 2**octave)
        clouds += smooth_noise(rng, (rows, columns), cells) * 0.5**octave
    cover = np.clip((clouds - rng.uniform(0.8, 1.2)) * 2, 0, 0.85)[:, :, None].astype(np.float32)
    sky = as_colour(top) * (1 - height) + as_colour(bottom) * height
    cloudy: Colours = sky + cover * (as_colour((236, 236, 238)) - sky)
    return cloudy


def paint_facade(rng: np.random.Generator, length: int, height: int, density: float) -> Colours:
    """A house front with rows of windows, (length, height, 3), height counted from the ground.

    Units:
        density: texels per metre.
    """
    wall = pick_colour(rng, _WALLS, 22)
    front = np.broadcast_to(wall, (length, height, 3)).copy()
    front *= 0.85 + 0.3 * smooth_noise(rng, (length, height), (7, 9))[:, :, None]
    along, up = np.arange(length)[:, None] / density, np.arange(height)[None] / density
    spacing, storey = rng.uniform(2.0, 3.6), rng.uniform(2.7, 3.4)
    half = spacing * rng.uniform(0.2, 0.36)
    beside = np.abs(along % spacing - spacing / 2)
    above = up % storey
    # Windows at regular distances, each of a frame and its glass: (length, height).
    frame = (beside < half + 0.12) & (above > 0.8) & (above < storey - 0.4)
    glass = (beside < half) & (above > 0.9) & (above < storey - 0.5)
    front[frame] = wall * rng.uniform(0.6, 1.4)
    num_panes = (int(length / density / spacing) + 2, int(height / density / storey) + 2)
    panes = rng.uniform(0.5, 1.5, num_panes)  # some reflect more of the sky than others
    shine = panes[(along // spacing).astype(int), (up // storey).astype(int)][:, :, None]
    front[glass] = (pick_colour(rng, _GLASS, 10) * shine)[glass]
    if rng.random() < 0.4:  # a shop: a coloured band over the ground floor
        front[:, (up[0] > storey - 0.5) & (up[0] < storey)] = pick_colour(rng, PAINTS, 20)
    front[:, -max(1, int(0.35 * density)) :] *= 0.6  # the roof's edge
    front[: max(1, int(0.15 * density))] *= 0.7  # the gap to the next house
    return front


def paint_foliage(rng: np.random.Generator, shape: tuple[int, int]) -> Colours:
    """Leaves: speckled green or brown, (*shape, 3)."""
    light = 0.45 + 0.5 * smooth_noise(rng, shape, (max(2, shape[0] // 12), max(2, shape[1] // 12)))
    light += 0.5 * smooth_noise(rng, shape, (max(2, shape[0] // 3), max(2, shape[1] // 3)))
    return pick_colour(rng, _LEAVES, 14) * light[:, :, None]


def paint_ground(
    rng: np.random.Generator, shape: tuple[int, int], density: float, road_half_width: float
) -> tuple[Colours, Mask]:
    """Road with markings between two pavements, and the mask of the road.

    Units:
        density: texels per metre.   road_half_width: metres.

    Shapes:
        returns: (along, across, 3) and (along, across)
    """
    along = np.arange(shape[0])[:, None] / density
    across = (np.arange(shape[1], dtype=np.float64)[None] + 0.5 - shape[1] / 2) / density
    road = np.broadcast_to(np.abs(across) < road_half_width, shape)
    grey = rng.uniform(72, 124)
    asphalt, slabs = as_colour((grey, grey, grey + 4)), pick_colour(rng, _SLABS, 12)
    ground = np.where(road[:, :, None], asphalt, slabs)  # (along, across, 3)
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
    along: NDArray[np.float64],
    across: NDArray[np.float64],
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
        repaired = (along > z) & (along < z + rng.uniform(1, 6))
        ground[repaired & (across > x) & (across < x + 0.9)] *= 0.8
    ground[white] = ground[white] * 0.25 + paint * 0.75


def as_colour(rgb: tuple[float, float, float]) -> Colours:
    """A colour as an array."""
    return np.array(rgb, np.float32)


def pick_colour(
    rng: np.random.Generator, colours: tuple[tuple[int, int, int], ...], spread: float
) -> Colours:
    """One of the colours, off by up to ``spread`` in each channel."""
    chosen = as_colour(colours[rng.integers(len(colours))])
    return np.clip(chosen + rng.uniform(-spread, spread, 3).astype(np.float32), 0, 255)


def _stretch(grid: Colours, length: int) -> Colours:
    """Blend the rows of a grid into ``length`` rows; the last one leads back to the first."""
    position = np.arange(length, dtype=np.float32) * np.float32(len(grid) / length)
    # Smoothstep between neighbours, so that cells have no edges.
    first, rest = position.astype(np.int64), (position % 1)[:, None]
    blend = rest * rest * (3 - 2 * rest)
    stretched: Colours = grid[first % len(grid)] * (1 - blend)
    stretched += grid[(first + 1) % len(grid)] * blend
    return stretched
