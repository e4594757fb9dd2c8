"""Motion as colours: the hue says where it leads, the saturation how far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from arseg_lightning.drawing.canvas import font
from arseg_lightning.ranges import check_above

__all__ = ["MotionScale", "colour_wheel", "motion_colours", "wheel_legend"]

_CORNERS = (
    ((255, 0, 0), 15),
    ((255, 255, 0), 6),
    ((0, 255, 0), 4),
    ((0, 255, 255), 11),
    ((0, 0, 255), 13),
    ((255, 0, 255), 6),
)
"""Pure colours, and the number of steps from each to the next: more where eyes tell more apart."""

_TOO_FAR = 0.75
"""Brightness of motion beyond the scale."""


def colour_wheel() -> NDArray[np.float32]:
    """The 55 hues of the Middlebury optical flow benchmark, in [0, 1], (55, 3).

    On the screen, red leads right, yellow down, light blue left and violet up.

    Source: Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011.
    """
    followers = [*_CORNERS[1:], _CORNERS[0]]
    parts = [
        np.linspace(start, end, steps, endpoint=False)
        for (start, steps), (end, _) in zip(_CORNERS, followers, strict=True)
    ]
    return (np.concatenate(parts) / 255).astype(np.float32)


def motion_colours(xy: NDArray[np.float32], scale: float) -> NDArray[np.uint8]:
    """Colour motion by the wheel: zero is white, motion as long as the scale is of full colour.

    Motion beyond the scale is darker. A field of backward motion gets the colours of where its
    pixels were; ``-xy`` gives those of where things went.

    Args:
        xy: Displacement in pixels: x to the right, y down.
        scale: Length in pixels that has full colour.

    Shapes:
        xy: (2, H, W)   returns: (H, W, 3)

    Raises:
        ValueError: If the scale is not positive.
    """
    check_above(0, scale=scale)
    wheel = colour_wheel()
    x, y = xy
    # As the published code: an angle between the last hue and the first has the last one's place.
    place = (np.arctan2(-y, -x) / np.pi + 1) / 2 * (len(wheel) - 1)  # (H, W)
    lower = np.floor(place).astype(np.intp)
    weight = (place - lower)[..., None].astype(np.float32)
    hue = (1 - weight) * wheel[lower] + weight * wheel[(lower + 1) % len(wheel)]  # (H, W, 3)
    length = (np.hypot(x, y) / scale)[..., None]
    colour = np.where(length <= 1, 1 - length * (1 - hue), _TOO_FAR * hue)
    colours: NDArray[np.uint8] = np.floor(255 * colour).astype(np.uint8)
    return colours


class MotionScale:
    """A scale that suits a stream and seldom changes: it grows in steps of 1, 2, 5, 10, 20, ...

    Args:
        fixed: The scale in pixels, if it is to stay the same.

    Raises:
        ValueError: If a fixed scale is not positive.
    """

    _SHARE = 0.98  # of the pixels: a few wild vectors would leave the others white

    def __init__(self, fixed: float | None = None) -> None:
        check_above(0, scale=fixed)
        self._fixed, self._pixels = fixed, 1.0

    def add(self, xy: NDArray[np.float32]) -> float:
        """Look at the motion of the next frame, (2, H, W): the scale for it, in pixels."""
        if self._fixed is not None:
            return self._fixed
        lengths = np.hypot(*xy[:, ::4, ::4])
        longest = float(np.quantile(lengths, self._SHARE))
        while self._pixels < longest:
            # 1, 2, 5, 10: the first digit says which step follows
            self._pixels *= 2.5 if f"{self._pixels:.0e}"[0] == "2" else 2
        return self._pixels


def wheel_legend(
    diameter: int, scale: float, background: tuple[int, int, int] = (255, 255, 255)
) -> NDArray[np.uint8]:
    """Draw the colour wheel with the length, in pixels, that its rim stands for.

    Args:
        diameter: Of the wheel, in pixels of the picture.
        scale: As for :func:`motion_colours`.
        background: Colour around it.

    Shapes:
        returns: (H, W, 3), as high as the wheel, and wider for the text beside it
    """
    steps = np.linspace(-1, 1, diameter, dtype=np.float32)
    x, y = np.meshgrid(steps, steps)
    colours = motion_colours(scale * np.stack([x, y]), scale)
    colours[np.hypot(x, y) > 1] = background
    letters = font(max(11, diameter // 5))
    text = f"{scale:g} px"
    width = diameter + 6 + int(letters.getlength(text)) + 2
    image = Image.new("RGB", (width, diameter), background)
    image.paste(Image.fromarray(colours), (0, 0))
    draw = ImageDraw.Draw(image)
    dark = sum(background) < 3 * 128
    ink = (235, 235, 235) if dark else (20, 20, 20)
    middle = diameter // 2
    draw.line([(middle, middle), (diameter - 1, middle)], fill=(20, 20, 20), width=1)
    draw.text((diameter + 6, middle), text, fill=ink, font=letters, anchor="lm")
    return np.asarray(image)
