"""Rendering of a driving scene at one moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic.billboards import positions
from arseg_lightning.datasets.synthetic.plan import Camera, Floats, Packed
from arseg_lightning.datasets.synthetic.scenery import Scenery

__all__ = ["average_samples", "render"]

_POLE = DRIVING9.names.index("pole")
_NEAREST = 1.2
"""Metres ahead of the camera at which a billboard leaves the image."""

_REACH = np.full(DRIVING9.num_classes, 60.0)
"""Metres from which each class is seen; farther off it would be a speck that no label shows."""
_REACH[DRIVING9.names.index("tree")] = 120.0
_REACH[DRIVING9.names.index("car")] = 110.0


def render(scenery: Scenery, seconds: float, size: tuple[int, int], samples: int) -> Packed:
    """Colour and class at ``samples`` x ``samples`` points of each pixel of an H x W image.

    Shapes:
        returns: (samples * H, samples * W)
    """
    camera = scenery.drive.at(seconds)
    # Sample points in pixels from the vanishing point.
    x = (np.arange(size[1] * samples) + 0.5) / samples - camera.centre_x
    y = (np.arange(size[0] * samples) + 0.5) / samples - camera.centre_y
    canvas = np.empty((len(y), len(x)), np.uint32)
    # The sky only follows the camera's turns. With two texels a pixel, 2 x 2 samples see one each.
    rows, columns = scenery.sky.shape
    horizon = int(np.searchsorted(y, 0.0))
    row = np.clip((2 * y[:horizon]).astype(np.int64) + rows - 1, 0, rows - 1)
    canvas[:horizon] = scenery.sky[row].take(np.floor(2 * x).astype(np.int64) % columns, axis=1)
    _render_ground(canvas, scenery, camera, x, y)
    _render_walls(canvas, scenery, camera, x, y)
    boxes, far_to_near = _project(scenery, camera, seconds, size)
    for number in far_to_near:
        _render_billboard(canvas, scenery.levels[number], boxes[number], samples)
    return canvas


def average_samples(canvas: Packed) -> NDArray[np.uint8]:
    """The image, (H, W, 3), of a canvas of 2 x 2 samples a pixel, (2 * H, 2 * W)."""
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


def _render_ground(canvas: Packed, scenery: Scenery, camera: Camera, x: Floats, y: Floats) -> None:
    """Fill the canvas below the horizon: each of its rows is one distance."""
    ground, horizon = scenery.ground, int(np.searchsorted(y, 0.0))
    distance = camera.focal * camera.height / np.maximum(y[horizon:], 1e-3)
    footprint = distance**2 / (camera.focal * camera.height) * (y[1] - y[0])
    start = ground.start_of(distance + camera.z, footprint).astype(np.int32)
    step = (distance * (ground.density / camera.focal)).astype(np.float32)
    middle = np.float32(camera.x * ground.density + ground.width / 2)
    across = step[:, None] * x.astype(np.float32) + middle  # (rows, columns)
    np.clip(across, 0, ground.width - 1, out=across)
    canvas[horizon:] = ground.texels.take(across.astype(np.int32) + start[:, None], mode="clip")


def _render_walls(canvas: Packed, scenery: Scenery, camera: Camera, x: Floats, y: Floats) -> None:
    """Paint both walls over sky and ground: each column is one distance."""
    middle = int(np.searchsorted(x, 0.0))
    for side, part in enumerate((slice(0, middle), slice(middle, None))):
        wall, aside = scenery.walls[side], np.maximum(np.abs(x[part]), 1e-3)
        distance = camera.focal * abs(scenery.wall_x[side] - camera.x) / aside
        z, metres = distance + camera.z, distance / camera.focal
        start = wall.start_of(z, distance / aside * (x[1] - x[0])).astype(np.int32)
        heights = scenery.wall_height[side]
        height = heights[(z * wall.density).astype(np.int64) % len(heights)]
        top, base = (camera.height - height) / metres, camera.height / metres
        first, last = np.searchsorted(y, [top.min(), base.max()])
        rows = y[first:last].astype(np.float32)[:, None]
        texels_per_row = (metres * wall.density).astype(np.float32)
        up = np.float32(camera.height * wall.density) - rows * texels_per_row  # (rows, columns)
        np.clip(up, 0, wall.width - 1, out=up)
        texels = wall.texels.take(up.astype(np.int32) + start, mode="clip")
        seen = (rows >= top.astype(np.float32)) & (rows < base.astype(np.float32))
        np.copyto(canvas[first:last, part], texels, where=seen)


def _project(
    scenery: Scenery, camera: Camera, seconds: float, size: tuple[int, int]
) -> tuple[Floats, NDArray[np.int64]]:
    """Left, top, width and height of billboards in pixels, (N, 4), and visible ones far to near."""
    billboards = scenery.billboards
    x, distance = positions(billboards, seconds, camera.z)
    distance = np.maximum(distance, 1e-3)
    scale = camera.focal / distance
    # What comes into reach grows to its size over 12 m instead of popping up.
    grown = np.clip((_REACH[billboards["class_index"]] - distance) / 12, 0.0, 1.0)
    screen = billboards["size"] * (scale * grown)[:, None]
    # Poles are 1.5 to 3 pixels wide at the default size, so that half the resolution loses them.
    unit, thin = size[0] / 160, screen.min(axis=1)
    thinned = np.clip(thin, 1.5 * unit * grown, 2.9 * unit)
    is_thin = (billboards["class_index"] == _POLE)[:, None] & (screen == thin[:, None])
    screen = np.where(is_thin, thinned[:, None], screen)
    left = camera.centre_x + (x - camera.x) * scale - screen[:, 0] / 2
    foot = (camera.height - billboards["position"][:, 2] * grown) * scale
    top = camera.centre_y + foot - screen[:, 1]
    shown = (distance > _NEAREST) & (grown > 0) & (left < size[1]) & (left + screen[:, 0] > 0)
    order = np.argsort(-distance, kind="stable")
    return np.column_stack([left, top, screen]), order[shown[order]]


def _render_billboard(
    canvas: Packed, levels: tuple[Packed, ...], box: Floats, samples: int
) -> None:
    """Paint one billboard where it is not transparent."""
    left, top, width, height = box.tolist()
    rows = _covered(top, height, samples, canvas.shape[0])
    columns = _covered(left, width, samples, canvas.shape[1])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    # The level whose texels are about as large as samples, so that nothing flickers.
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
