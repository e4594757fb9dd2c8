"""Vectors, frames and motion files made by hand."""

import numpy as np

from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.motion import BlockMotion, matched_motion
from arseg_lightning.video.motion_file import write_motion
from arseg_lightning.video.vectors import Candidates
from arseg_lightning.video.video_motion import VideoMotion

_FIELDS = {"source": "i4", "w": "u1", "h": "u1", "dst_x": "i2", "dst_y": "i2"}
_FIELDS |= {"motion_x": "i4", "motion_y": "i4", "motion_scale": "u2"}
VECTOR = np.dtype(list(_FIELDS.items()))


def vector(left, top, width, height, x, y, scale=4, source=-1):
    """One vector as FFmpeg gives it: placed by the centre of its block."""
    return source, width, height, left + width // 2, top + height // 2, x, y, scale


def motion_of(vectors, height, width):
    """The motion of a frame of one colour, in which every vector leads to its like."""
    blank = np.zeros((height, width), np.uint8)
    candidates = Candidates(blank, ((-1, blank),))
    return matched_motion(np.array(vectors, VECTOR), candidates, 1, refines=None)


def cells(side):
    return -(-side // BLOCK_SIZE)


def shift(x, y, height, width):
    """The same motion everywhere, in pixels."""
    field = np.empty((2, cells(height), cells(width)), np.int16)
    field[0], field[1] = round(4 * x), round(4 * y)
    return BlockMotion(field, np.zeros(field.shape[1:], np.bool_))


def random_motion(height, width, seed=0, reach=20):
    generator = np.random.default_rng(seed)
    field = generator.integers(-reach, reach + 1, (2, cells(height), cells(width))).astype(np.int16)
    return BlockMotion(field, generator.random(field.shape[1:]) < 0.2)


def motion_file(path, fields, size, picture_types=None, fps=25.0):
    """A motion file of the fields, the first of which belongs to an I-frame."""
    types = picture_types or "I" + "P" * (len(fields) - 1)
    with path.open("wb") as file:
        write_motion(file, zip(types, fields, strict=True), size, fps)
    return VideoMotion(path)


def texture(height, width, seed=0):
    """A picture with detail of a few pixels everywhere, which encoders can follow."""
    noise = np.random.default_rng(seed).random((height, width, 3))
    for axis in (0, 1):
        for _ in range(2):
            noise = (np.roll(noise, 1, axis) + 2 * noise + np.roll(noise, -1, axis)) / 4
    low, high = noise.min(), noise.max()
    return (255 * (noise - low) / (high - low)).astype(np.uint8)


def pan(num_frames, height, width, right, down):
    """A camera that moves right and down by whole pixels over a texture."""
    far = (num_frames - 1) * abs(right), (num_frames - 1) * abs(down)
    picture = texture(height + far[1], width + far[0])
    for t in range(num_frames):
        left = t * right if right >= 0 else far[0] + t * right
        top = t * down if down >= 0 else far[1] + t * down
        yield picture[top : top + height, left : left + width].copy()
