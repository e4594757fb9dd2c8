"""A frame's motion as one picture: arrows, the colour wheel, and what is to be known about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from arseg_lightning.drawing.canvas import (
    BACKGROUND,
    FINE_INK,
    INK,
    font,
    resized,
    shown_size,
    side_by_side,
    text_bar,
)
from arseg_lightning.drawing.marks import HATCHING, BlockKind, draw_arrows, mark_blocks
from arseg_lightning.drawing.wheel import motion_colours, wheel_legend
from arseg_lightning.ranges import check_words
from arseg_lightning.types import Frame, Motion

__all__ = ["MotionKind", "ShownMotion", "motion_picture"]

MotionKind = Literal["arrows", "wheel", "both"]
"""Arrows on the picture, colours of the wheel, or both side by side."""

_BAR_HEIGHT = 92
_LEGEND = 64  # pixels of the wheel
_STRIPES_ON_COLOURS = (70, 70, 70)
_BADGE, _KEY_BADGE = (24, 26, 30), (255, 240, 90)
_KINDS = {BlockKind.NO_VECTOR: "no vector", BlockKind.UNLIKE: "vector to nothing alike"}


@dataclass(frozen=True, slots=True)
class ShownMotion:
    """A frame with the motion that is drawn of it.

    Args:
        frame: The frame.
        motion: Its motion, of its size.
        kinds: What is known of it at each pixel (``block_kinds``), uint8 of shape (H, W).
        leads_to: Where the motion leads, in words.
        keyframe: Why it is a keyframe; None if it is none.
    """

    frame: Frame
    motion: Motion
    kinds: NDArray[np.uint8]
    leads_to: str
    keyframe: str | None = None

    def share(self, kind: BlockKind) -> float:
        """Share of the picture that is of a kind."""
        return np.count_nonzero(self.kinds == kind) / self.kinds.size


def motion_picture(
    shown: ShownMotion, kind: MotionKind = "both", scale: float = 10.0
) -> NDArray[np.uint8]:
    """Draw a frame's motion, with its number, time, type and a legend below.

    The picture is 480 to 1280 pixels wide for each of the two; places without known motion are
    hatched.

    Args:
        shown: The frame and its motion.
        kind: What is drawn.
        scale: Length of motion in pixels that has full colour.

    Shapes:
        returns: (H, W, 3)
    """
    check_words(kind=(kind, MotionKind))
    size = shown_size(shown.frame.size)
    kinds = resized(shown.kinds, size, smooth=False)
    panels = []
    if kind != "wheel":
        picture = mark_blocks(resized(shown.frame.image, size), kinds)
        spacing = max(16, round(size[1] / 36))
        unknown = shown.kinds != BlockKind.KNOWN
        panels.append(draw_arrows(picture, shown.motion, spacing, unknown))
    if kind != "arrows":
        colours = resized(motion_colours(shown.motion.xy, scale), size, smooth=False)
        panels.append(mark_blocks(colours, kinds, _STRIPES_ON_COLOURS))
    panels[0] = _with_badge(panels[0], shown)
    above = side_by_side(panels)
    return np.concatenate([above, _bar(above.shape[1], shown, None if kind == "arrows" else scale)])


def _with_badge(picture: NDArray[np.uint8], shown: ShownMotion) -> NDArray[np.uint8]:
    """Write the picture's type, and whether it is a keyframe, into the corner."""
    text = shown.frame.picture_type + (" keyframe" if shown.keyframe is not None else "")
    fill, ink = (_BADGE, INK) if shown.keyframe is None else (_KEY_BADGE, _BADGE)
    image, letters = Image.fromarray(picture), font(16)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle([6, 6, 22 + letters.getlength(text), 30], 5, fill=fill)
    draw.text((14, 18), text, fill=ink, font=letters, anchor="lm")
    return np.asarray(image)


def _bar(width: int, shown: ShownMotion, scale: float | None) -> NDArray[np.uint8]:
    """What is to be known about the picture, and its legend."""
    frame = shown.frame
    title = f"frame {frame.index}   {frame.pts_seconds:.2f} s   {frame.picture_type}-frame"
    title += "" if shown.keyframe is None else f"   keyframe: {shown.keyframe}"
    legend = wheel_legend(_LEGEND, scale, BACKGROUND) if scale is not None else None
    room = width - (0 if legend is None else legend.shape[1] + 16)
    what = "arrows lead" if scale is None else "motion leads"
    text = [title, f"motion to {shown.leads_to}", f"{what} to where each place was"]
    bar = Image.new("RGB", (width, _BAR_HEIGHT), BACKGROUND)
    bar.paste(Image.fromarray(text_bar(room, text, 14, 66)), (0, 0))
    _paste_kinds(bar, shown)
    if legend is not None:
        top = (_BAR_HEIGHT - legend.shape[0]) // 2
        bar.paste(Image.fromarray(legend), (room + 4, top))
    return np.asarray(bar)


def _paste_kinds(bar: Image.Image, shown: ShownMotion) -> None:
    """The two hatchings, with their shares of the picture."""
    left, letters, draw = 8, font(13), ImageDraw.Draw(bar)
    for kind in HATCHING:
        if kind is BlockKind.UNLIKE and not shown.share(kind):
            continue  # it is rare, and motion along several frames does not know it
        swatch = np.full((14, 24, 3), 90, np.uint8)
        kinds = np.full(swatch.shape[:2], kind, np.uint8)
        bar.paste(Image.fromarray(mark_blocks(swatch, kinds)), (left, 68))
        text = f"{_KINDS[kind]} {100 * shown.share(kind):.1f} %"
        draw.text((left + 30, 75), text, fill=FINE_INK, font=letters, anchor="lm")
        left += 50 + int(letters.getlength(text))
