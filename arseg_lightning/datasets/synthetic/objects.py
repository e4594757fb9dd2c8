"""Draw what stands and moves in a random street: poles, signs, trees, cars and people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic import textures
from arseg_lightning.datasets.synthetic.world import STREET_LENGTH, Cards

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from arseg_lightning.datasets.synthetic.plan import StreetPlan
    from arseg_lightning.datasets.synthetic.world import Packed

    Painter = Callable[[np.random.Generator, int], tuple[NDArray[np.float32], NDArray[np.bool_]]]

__all__ = ["draw_cards"]

_PAINTERS: dict[str, tuple[Painter, int]] = {
    "tree": (textures.paint_tree, 128),
    "pole": (textures.paint_pole, 16),
    "sign": (textures.paint_sign, 32),
    "car": (textures.paint_car, 72),
    "pedestrian": (textures.paint_pedestrian, 72),
}
"""How each kind of card is painted, and its rows of texels at the default picture size."""

_REACH = {"tree": 120.0, "pole": 60.0, "sign": 60.0, "car": 110.0, "pedestrian": 60.0}
"""Metres from which each kind is seen; farther off it would be a speck that no label shows."""


def draw_cards(plan: StreetPlan) -> Cards:
    """Draw all cards of a street; their surface numbers follow those of the classes."""
    cards = [*_kerbside(plan, -1), *_kerbside(plan, 1), *_traffic(plan)]
    first, names = DRIVING9.num_classes, DRIVING9.names
    return Cards(
        textures=tuple(_card_levels(plan, card.kind, first + i) for i, card in enumerate(cards)),
        class_index=np.array([names.index(card.kind) for card in cards]),
        reach=np.array([_REACH[card.kind] for card in cards]),
        size=np.array([card.size for card in cards]),
        place=np.array([card.place for card in cards]),
        speed=np.array([card.speed for card in cards]),
        sway=np.array([card.sway for card in cards]),
        period=np.array([card.period for card in cards]),
        phase=np.array([card.phase for card in cards]),
        crossing=np.array([card.crossing for card in cards]),
    )


@dataclass(frozen=True, slots=True)
class _Card:
    """One object of the street: its class, and one entry of each array of Cards."""

    kind: str
    size: tuple[float, float]
    place: tuple[float, float, float]
    speed: float = 0.0
    sway: tuple[float, float] = (0.0, 0.0)
    period: float = 1.0
    phase: float = 0.0
    crossing: float = 0.0


def _card_levels(plan: StreetPlan, kind: str, surface: int) -> tuple[Packed, ...]:
    """Paint a card and halve it down to a few texels; see-through texels are 0."""
    painter, rows_of_texels = _PAINTERS[kind]
    colours, outline = painter(plan.brush(), rows_of_texels * plan.detail)
    # See-through texels take the mean colour, so that halving does not darken the outline.
    colours = np.where(outline[:, :, None], colours, colours[outline].mean(axis=0))
    levels = []
    while True:
        levels.append(np.where(outline, plan.pack(colours, surface), np.uint32(0)))
        rows, columns = outline.shape
        if min(rows, columns) < 8:
            return tuple(levels)
        colours = colours[: rows // 2 * 2, : columns // 2 * 2]
        colours = colours.reshape(rows // 2, 2, columns // 2, 2, 3).mean(axis=(1, 3))
        outline = outline[: rows // 2 * 2, : columns // 2 * 2]
        outline = outline.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)) >= 0.5


def _kerbside(plan: StreetPlan, side: int) -> list[_Card]:
    """Lamps, signs, bollards, trees, parked cars and people of one side."""
    rng, kerb = plan.rng, plan.road + 0.5
    wall = abs(plan.wall_x[(side + 1) // 2])
    cards: list[_Card] = []
    for z in np.arange(rng.uniform(0, 20), STREET_LENGTH, rng.uniform(17, 26)):
        cards += _lamp(rng, side, side * kerb, z)
    for z in rng.uniform(0, STREET_LENGTH, 8):
        cards += _sign(rng, side * (kerb + rng.uniform(0, 0.5)), z)
    for start in rng.uniform(0, STREET_LENGTH, 2):
        cards += [
            _Card("pole", (0.15, 1.0), (side * (kerb - 0.1), start + 1.7 * i, 0.0))
            for i in range(7)
        ]
    for z in rng.uniform(0, STREET_LENGTH, rng.integers(3, 8)):
        tall = rng.uniform(3.6, 7.0)
        place = (side * rng.uniform(kerb + 0.6, wall - 0.8), z, 0.0)
        cards.append(_Card("tree", (0.72 * tall, tall), place))
    for z in rng.uniform(0, STREET_LENGTH, rng.integers(3, 7)):
        cards.append(_car(rng, (side * (plan.road - 1.0), z, 0.0)))
    for z in rng.uniform(0, STREET_LENGTH, 12):
        place = (side * rng.uniform(kerb + 0.3, wall - 0.5), z, 0.0)
        cards.append(_person(rng, place, speed=rng.choice([-1, 1]) * rng.uniform(0.0, 1.6)))
    return cards


def _traffic(plan: StreetPlan) -> list[_Card]:
    """Oncoming cars, a car or two ahead, and people who cross the road."""
    rng, lane = plan.rng, plan.lane
    cards = [
        _car(rng, (-lane, z, 0.0), speed=-rng.uniform(5, 9))
        for z in rng.uniform(0, STREET_LENGTH, 4)
    ]
    cards += [
        _car(rng, (lane, z, 0.0), speed=plan.speed, sway=(0.25, 2.5))
        for z in (rng.uniform(11, 18), rng.uniform(28, 50))
        if rng.random() < 0.7
    ]
    for z in rng.uniform(0, STREET_LENGTH, 5):
        side = rng.choice([-1, 1])
        start, way = side * (plan.road + 1.0), -side * (2 * plan.road + 2.0)
        cards.append(_person(rng, (start, z, 0.0), crossing=way))
    return cards


def _lamp(rng: np.random.Generator, side: int, x: float, z: float) -> list[_Card]:
    tall = rng.uniform(5.0, 7.0)
    arm = (x - side * 0.7, z, tall - 0.15)
    return [
        _Card("pole", (0.22, tall), (x, z, 0.0)),
        _Card("pole", (1.5, 0.16), arm),
    ]


def _sign(rng: np.random.Generator, x: float, z: float) -> list[_Card]:
    wide, low = rng.uniform(0.8, 1.3), rng.uniform(1.7, 2.3)
    return [
        _Card("pole", (0.14, low + 0.1), (x, z, 0.0)),
        _Card("sign", (wide, wide), (x, z, low)),
    ]


def _car(
    rng: np.random.Generator,
    place: tuple[float, float, float],
    speed: float = 0.0,
    sway: tuple[float, float] = (0.0, 0.0),
) -> _Card:
    size = (rng.uniform(1.65, 1.95), rng.uniform(1.4, 1.9))
    period, phase = rng.uniform(4, 8), rng.uniform(0, 6.28)
    return _Card("car", size, place, speed, sway, period, phase)


def _person(
    rng: np.random.Generator,
    place: tuple[float, float, float],
    speed: float = 0.0,
    crossing: float = 0.0,
) -> _Card:
    tall = rng.uniform(1.5, 1.95)
    period, phase = rng.uniform(2, 5), rng.uniform(0, 6.28)
    size, sway = (0.36 * tall, tall), (0.3, 0.4)
    return _Card("pedestrian", size, place, speed, sway, period, phase, crossing)
