"""Rendering of a driving scene at one moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.synthetic.scenery import Billboard, Camera, Floats, Packed, Scenery

__all__ = ["average_samples", "render"]

_NEAREST = 1.2  # metres ahead of the camera at which a billboard leaves the image
# Metres from which a class is seen; farther off it would be a speck that no label shows.
_REACH = {"pole": 60.0, "sign": 60.0, "pedestrian": 60.0, "tree": 120.0, "car": 110.0}


def render(scenery: Scenery, seconds: float, size: tuple[int, int], samples: int) -> Packed:
    """Colour and class at ``samples`` x ``samples`` points of each pixel of an H x W image.

    Shapes:
        returns: (samples * H, samples * W)
    """
    camera = scenery.camera(seconds)
    # Sample points in pixels from the vanishing point, and the first one below the horizon.
    x = (np.arange(size[1] * samples) + 0.5) / samples - camera.centre_x
    y = (np.arange(size[0] * samples) + 0.5) / samples - camera.centre_y
    horizon, middle = int(np.searchsorted(y, 0.0)), int(np.searchsorted(x, 0.0))
    canvas = np.empty((len(y), len(x)), np.uint32)
    # The sky only follows the camera's turns.
    rows, columns = scenery.sky.shape
    row = np.clip((2 * y[:horizon]).astype(np.int64) + rows - 1, 0, rows - 1)
    canvas[:horizon] = scenery.sky[row].take(np.floor(2 * x).astype(np.int64) % columns, axis=1)
    # The ground: each of its rows is one distance.
    distance, footprint = _distance(camera, camera.height, y[horizon:, None], samples)
    left = camera.x + scenery.ground.width / scenery.ground.density / 2
    across = (distance / camera.focal).astype(np.float32) * x.astype(np.float32) + np.float32(left)
    canvas[horizon:] = scenery.ground.at(distance + camera.z, footprint, across)
    # Walls over sky and ground: each of their columns is one distance.
    for part, (wall_x, wall, heights) in zip(
        (slice(0, middle), slice(middle, None)), scenery.walls, strict=True
    ):
        distance, footprint = _distance(camera, wall_x - camera.x, x[None, part], samples)
        z = distance + camera.z
        down = (distance / camera.focal).astype(np.float32) * y.astype(np.float32)[:, None]
        up = np.float32(camera.height) - down  # (rows, columns)
        top = heights[(z * wall.density).astype(np.int64) % len(heights)]
        seen = (up >= 0) & (up < top.astype(np.float32))
        np.copyto(canvas[:, part], wall.at(z, footprint, up), where=seen)
    placed = [(*each.at(seconds, camera.z), each) for each in scenery.billboards]
    for place, away, billboard in sorted(placed, key=lambda each: -each[1]):
        _render_billboard(canvas, billboard, camera, (place - camera.x, away), samples)
    return canvas


def average_samples(canvas: Packed) -> NDArray[np.uint8]:
    """The image, (H, W, 3), of a canvas of 2 x 2 samples a pixel, (2 * H, 2 * W)."""
    height, width = (side // 2 for side in canvas.shape)
    pixels = canvas.view(np.uint8).reshape(height, 2, width, 2, 4)[..., :3].astype(np.uint16)
    rows = pixels[:, 0] + pixels[:, 1]  # (H, W, 2, 3)
    return ((rows[:, :, 0] + rows[:, :, 1] + 2) // 4).astype(np.uint8)


def _distance(camera: Camera, offset: float, pixels: Floats, samples: int) -> tuple[Floats, Floats]:
    """How far ahead a plane ``offset`` metres aside is seen, and how far samples lie apart there.

    ``pixels`` are counted from the vanishing point.
    """
    distance = camera.focal * abs(offset) / np.maximum(np.abs(pixels), 1e-3)
    return distance, distance**2 / (camera.focal * abs(offset)) / samples


def _render_billboard(
    canvas: Packed,
    billboard: Billboard,
    camera: Camera,
    position: tuple[float, float],  # X from the camera, and distance
    samples: int,
) -> None:
    """Paint one billboard where it is not transparent."""
    x, distance = position
    # What comes into reach grows to its size over 12 m instead of popping up.
    grown = min((_REACH[billboard.kind] - distance) / 12, 1.0)
    if distance <= _NEAREST or grown <= 0:
        return
    scale = camera.focal / distance
    width, height = billboard.width * scale * grown, billboard.height * scale * grown
    if billboard.kind == "pole":
        # 1.5 to 3 pixels wide at the default size, so that half the resolution loses them.
        unit = canvas.shape[0] / samples / 160
        thin = min(max(min(width, height), 1.5 * unit * grown), 2.9 * unit)
        width, height = (thin, height) if width < height else (width, thin)
    left = camera.centre_x + x * scale - width / 2
    top = camera.centre_y + (camera.height - billboard.base * grown) * scale - height
    rows = _covered(top, height, samples, canvas.shape[0])
    columns = _covered(left, width, samples, canvas.shape[1])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    texture = billboard.texture
    v = (np.arange(rows.start, rows.stop) + 0.5) / samples - top
    u = (np.arange(columns.start, columns.stop) + 0.5) / samples - left
    row = (v * (texture.shape[0] / height)).astype(np.int64)
    column = (u * (texture.shape[1] / width)).astype(np.int64)
    texels = texture.take(row, axis=0, mode="clip").take(column, axis=1, mode="clip")
    np.copyto(canvas[rows, columns], texels, where=texels != 0)


def _covered(start: float, length: float, samples: int, size: int) -> slice:
    """The sample points that lie in an interval of pixels and on the canvas."""
    first = int(np.ceil(start * samples - 0.5))
    last = int(np.ceil((start + length) * samples - 0.5))
    return slice(max(first, 0), min(last, size))
