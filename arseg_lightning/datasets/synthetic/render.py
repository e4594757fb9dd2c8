"""Show a synthetic driving scene as the camera sees it at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic.world import Street, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arseg_lightning.datasets.synthetic.world import Floats, Packed

__all__ = ["CardsInView", "average_samples", "place_cards", "render_street"]

_POLE = DRIVING9.names.index("pole")
_NEAREST = 1.2
"""Metres in front of the camera at which a card leaves the picture."""


@dataclass(frozen=True, slots=True)
class CardsInView:
    """Where the cards are on the screen at one moment.

    Args:
        boxes: Left, top, width and height in pixels, (N, 4).
        laps: How many streets lie between card and camera.
        far_to_near: Which cards are in the picture, in the order of painting.
    """

    boxes: Floats
    laps: NDArray[np.int64]
    far_to_near: NDArray[np.int64]


def place_cards(street: Street, view: View, seconds: float, size: tuple[int, int]) -> CardsInView:
    """Project the cards of a street onto the screen.

    Args:
        street: The street.
        view: The camera.
        seconds: The moment.
        size: Height and width of the picture.
    """
    cards = street.cards
    x, distance, laps = cards.at(seconds, view.z)
    distance = np.maximum(distance, 1e-3)
    scale = view.focal / distance
    grown = np.clip((cards.reach - distance) / 12, 0.0, 1.0)
    screen = cards.size * (scale * grown)[:, None]
    # Poles are 1.5 to 3 pixels wide at the default size, so that half the resolution loses them.
    unit, thin = size[0] / 160, screen.min(axis=1)
    thinned = np.clip(thin, 1.5 * unit * grown, 2.9 * unit)
    is_thin = (cards.class_index == _POLE)[:, None] & (screen == thin[:, None])
    screen = np.where(is_thin, thinned[:, None], screen)
    left = view.centre_x + (x - view.x) * scale - screen[:, 0] / 2
    top = view.centre_y + (view.height - cards.place[:, 2] * grown) * scale - screen[:, 1]
    shown = (distance > _NEAREST) & (grown > 0) & (left < size[1]) & (left + screen[:, 0] > 0)
    order = np.argsort(-distance, kind="stable")
    return CardsInView(np.column_stack([left, top, screen]), laps, order[shown[order]])


def render_street(
    street: Street, view: View, cards: CardsInView, size: tuple[int, int], samples: int
) -> Packed:
    """Colour and surface number at ``samples`` x ``samples`` points of each pixel.

    Shapes:
        returns: (samples * H, samples * W), each of RGB and the surface number in 4 bytes
    """
    x = (np.arange(size[1] * samples) + 0.5) / samples - view.centre_x
    y = (np.arange(size[0] * samples) + 0.5) / samples - view.centre_y
    canvas = np.empty((len(y), len(x)), np.uint32)
    _render_sky(canvas, street, x, y)
    _render_ground(canvas, street, view, x, y)
    _render_walls(canvas, street, view, x, y)
    for card in cards.far_to_near:
        _render_card(canvas, street.cards.textures[card], cards.boxes[card], samples)
    return canvas


def average_samples(canvas: Packed) -> NDArray[np.uint8]:
    """The picture of a canvas of 2 x 2 samples a pixel.

    Shapes:
        canvas: (2 * H, 2 * W)   returns: (H, W, 3)
    """
    # Two channels are summed at once in one integer: red and blue, then green.
    mask = np.uint32(0x00FF00FF)
    red_blue = _mean_of_four(canvas & mask) & mask
    green = _mean_of_four((canvas >> np.uint32(8)) & mask) & mask
    packed = red_blue | (green << np.uint32(8))
    return np.ascontiguousarray(packed.view(np.uint8).reshape(*packed.shape, 4)[..., :3])


def _mean_of_four(pairs: Packed) -> Packed:
    """Rounded mean of 2 x 2 samples in both 16-bit halves; the low half's rest spills upwards."""
    rows = pairs[::2] + pairs[1::2]
    return (rows[:, ::2] + rows[:, 1::2] + np.uint32(0x00020002)) >> np.uint32(2)


def _render_sky(canvas: Packed, street: Street, x: Floats, y: Floats) -> None:
    """Fill the canvas down to the horizon; the sky only follows the camera's turns."""
    rows, columns = street.sky.shape
    horizon = int(np.searchsorted(y, 0.0))
    row = np.clip((2 * y[:horizon]).astype(np.int64) + rows - 1, 0, rows - 1)
    column = np.floor(2 * x).astype(np.int64) % columns
    canvas[:horizon] = street.sky[row].take(column, axis=1)


def _render_ground(canvas: Packed, street: Street, view: View, x: Floats, y: Floats) -> None:
    """Fill the canvas below the horizon: each of its rows is one distance."""
    ground, horizon = street.ground, int(np.searchsorted(y, 0.0))
    distance = view.focal * view.height / np.maximum(y[horizon:], 1e-3)
    footprint = distance**2 / (view.focal * view.height) * (y[1] - y[0])
    start = ground.start_of(distance + view.z, footprint).astype(np.int32)
    step = (distance * (ground.density / view.focal)).astype(np.float32)
    middle = np.float32(view.x * ground.density + ground.width / 2)
    across = step[:, None] * x.astype(np.float32) + middle
    np.clip(across, 0, ground.width - 1, out=across)
    canvas[horizon:] = ground.texels.take(across.astype(np.int32) + start[:, None], mode="clip")


def _render_walls(canvas: Packed, street: Street, view: View, x: Floats, y: Floats) -> None:
    """Paint both walls over sky and ground: each column is one distance."""
    middle = int(np.searchsorted(x, 0.0))
    for side, part in enumerate((slice(0, middle), slice(middle, None))):
        wall, aside = street.walls[side], np.maximum(np.abs(x[part]), 1e-3)
        distance = view.focal * abs(street.wall_x[side] - view.x) / aside
        z, metres = distance + view.z, distance / view.focal
        start = wall.start_of(z, distance / aside * (x[1] - x[0])).astype(np.int32)
        heights = street.wall_height[side]
        height = heights[(z * wall.density).astype(np.int64) % len(heights)]
        top, base = (view.height - height) / metres, view.height / metres
        first, last = np.searchsorted(y, [top.min(), base.max()])
        rows = y[first:last].astype(np.float32)[:, None]
        up = np.float32(view.height * wall.density) - rows * (metres * wall.density).astype(
            np.float32
        )
        np.clip(up, 0, wall.width - 1, out=up)
        texels = wall.texels.take(up.astype(np.int32) + start, mode="clip")
        seen = (rows >= top.astype(np.float32)) & (rows < base.astype(np.float32))
        np.copyto(canvas[first:last, part], texels, where=seen)


def _render_card(canvas: Packed, levels: tuple[Packed, ...], box: Floats, samples: int) -> None:
    """Paint one card where it is not see-through."""
    left, top, width, height = box.tolist()
    rows = _covered(top, height, samples, canvas.shape[0])
    columns = _covered(left, width, samples, canvas.shape[1])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    finest = levels[0].shape[0] / (height * samples)
    texture = levels[min(max(int(np.log2(max(finest, 1.0))), 0), len(levels) - 1)]
    v = (np.arange(rows.start, rows.stop) + 0.5) * (texture.shape[0] / (height * samples))
    u = (np.arange(columns.start, columns.stop) + 0.5) * (texture.shape[1] / (width * samples))
    row = (v - top * texture.shape[0] / height).astype(np.int64)
    column = (u - left * texture.shape[1] / width).astype(np.int64)
    texels = texture.take(row, axis=0, mode="clip").take(column, axis=1, mode="clip")
    np.copyto(canvas[rows, columns], texels, where=texels != 0)


def _covered(start: float, length: float, samples: int, size: int) -> slice:
    """The sample points that lie in an interval of pixels and on the canvas."""
    first = int(np.ceil(start * samples - 0.5))
    last = int(np.ceil((start + length) * samples - 0.5))
    return slice(max(first, 0), min(last, size))
