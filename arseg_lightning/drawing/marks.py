"""Marks on a frame: arrows along its motion, and hatching where the codec gave none."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from arseg_lightning.types import BLOCK_SIZE, RGB, Motion
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.vectors import NO_VECTOR

__all__ = ["HATCHING", "BlockKind", "block_kinds", "draw_arrows", "mark_blocks"]

_ARROW, _OUTLINE = (255, 240, 90), (20, 20, 20)
_FINER = 2  # arrows are drawn at twice the size: without that, lines are stairs
_SHORTEST = 1.5  # pixels of the picture, below which an arrow is a point
_PERIOD, _STRIPE = 8, 3  # pixels; a stripe crosses every block of 4x4


class BlockKind(IntEnum):
    """What is known of the motion of a place."""

    KNOWN = 0
    NO_VECTOR = 1  # intra-coded, or on the way to the keyframe something was
    UNLIKE = 2  # its vector leads to nothing that looks alike


HATCHING: dict[BlockKind, RGB] = {
    BlockKind.NO_VECTOR: (230, 159, 0),
    BlockKind.UNLIKE: (86, 180, 233),
}
"""Colours that the colour-blind tell apart, too; the stripes also lean to different sides."""


def block_kinds(step: BlockMotion | None, motion: Motion) -> NDArray[np.uint8]:
    """Say of each pixel what is known of its motion, as :class:`BlockKind`, (H, W).

    Args:
        step: What the codec gave for the frame; None for an I-frame.
        motion: The motion to be drawn: what of it is not valid has no vector on its way.
    """
    kinds = np.where(motion.valid, BlockKind.KNOWN, BlockKind.NO_VECTOR).astype(np.uint8)
    if step is not None and step.errors is not None:
        unlike = step.intra & (step.errors != NO_VECTOR)  # (h, w)
        height, width = motion.size
        pixels = unlike.repeat(BLOCK_SIZE, 0).repeat(BLOCK_SIZE, 1)[:height, :width]
        kinds[pixels & ~motion.valid] = BlockKind.UNLIKE
    return kinds


def mark_blocks(
    image: NDArray[np.uint8], kinds: NDArray[np.uint8], ink: RGB | None = None
) -> NDArray[np.uint8]:
    """Hatch what has no known motion: rising stripes for no vector, falling ones for unlike.

    Args:
        image: The picture, (H, W, 3).
        kinds: Of each pixel, as :func:`block_kinds` gives them, (H, W).
        ink: Colour of all stripes; by default one for each kind.

    Returns:
        A copy, (H, W, 3); known places are as they were.
    """
    marked = image.copy()
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    for kind, colour in HATCHING.items():
        leaning = x + y if kind is BlockKind.NO_VECTOR else x - y
        stripes = leaning % _PERIOD < _STRIPE
        marked[(kinds == kind) & stripes] = colour if ink is None else ink
    return marked


def draw_arrows(
    image: NDArray[np.uint8],
    motion: Motion,
    spacing: int = 20,
    spared: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Draw motion as arrows, each from a place to where its motion leads; points where it rests.

    Args:
        image: The picture, (H, W, 3); motion is scaled to its size.
        motion: The motion, of any size.
        spacing: Pixels of the picture from one arrow to the next.
        spared: Where no arrow starts, of the motion's size.

    Returns:
        A copy, (H, W, 3).
    """
    height, width = image.shape[:2]
    across, down = width / motion.size[1], height / motion.size[0]
    canvas = Image.fromarray(image).resize((_FINER * width, _FINER * height), Image.Resampling.BOX)
    draw = ImageDraw.Draw(canvas)
    for y in range(spacing // 2, height, spacing):
        for x in range(spacing // 2, width, spacing):
            cell = int(y / down), int(x / across)
            if spared is None or not spared[cell]:
                dx, dy = motion.xy[:, cell[0], cell[1]]
                _arrow(draw, (x, y), (float(dx) * across, float(dy) * down))
    return np.asarray(canvas.reduce(_FINER))


def _arrow(draw: ImageDraw.ImageDraw, start: tuple[int, int], by: tuple[float, float]) -> None:
    """One arrow, in pixels of the picture."""
    origin = np.array(start, float) * _FINER
    shaft = np.array(by) * _FINER
    length = float(np.hypot(*shaft))
    if length < _SHORTEST * _FINER:
        for radius, ink in ((3, _OUTLINE), (2, _ARROW)):
            draw.ellipse([*(origin - radius), *(origin + radius)], fill=ink)
        return
    along = shaft / length
    side = np.array([-along[1], along[0]])
    end, head = origin + shaft, min(11.0, 0.6 * length)
    wings = [end - head * along + lean * 0.5 * head * side for lean in (1, -1)]
    for ink, wide in ((_OUTLINE, 5), (_ARROW, 2)):
        draw.line([*origin, *(end - 0.5 * head * along)], fill=ink, width=wide)
        corners = [tuple(map(float, each)) for each in (end, *wings)]
        draw.polygon(corners, fill=ink, outline=_OUTLINE)
