"""Motion as an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import Motion

__all__ = ["motion_colours"]

_FILLED_BRIGHTNESS = 0.6


def motion_colours(motion: Motion, longest: float) -> NDArray[np.uint8]:
    """Show direction as hue and length as saturation; what was filled in is darker.

    Saturation is full at the longest length, in pixels.

    Shapes:
        returns: (H, W, 3)
    """
    from matplotlib.colors import hsv_to_rgb

    x, y = motion.xy  # (H, W) each
    hue = np.arctan2(y, x) / (2 * np.pi) % 1
    saturation = np.minimum(np.hypot(x, y) / longest, 1)
    value = np.where(motion.valid, 1, _FILLED_BRIGHTNESS)
    colours = hsv_to_rgb(np.stack([hue, saturation, value], axis=-1))  # (H, W, 3)
    return np.asarray(np.rint(255 * colours), np.uint8)
