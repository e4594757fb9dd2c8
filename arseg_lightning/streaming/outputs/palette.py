"""The colours of class indices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import RGB

__all__ = ["palette_table"]


def palette_table(colours: tuple[RGB, ...]) -> NDArray[np.uint8]:
    """A colour for each uint8 value, (256, 3); black beyond the classes."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table
