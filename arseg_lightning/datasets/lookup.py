"""Values of many pixels, looked up in a small table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import RGB

__all__ = ["colour_code", "colour_codes", "look_up"]


def colour_code(colour: RGB) -> int:
    """One colour, as :func:`colour_codes` spells it."""
    red, green, blue = colour
    return (red << 16) + (green << 8) + blue


def colour_codes(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Colours as numbers of 24 bits: ``65536 R + 256 G + B``.

    Shapes:
        colours: (..., 3) uint8, RGB   returns: (...)
    """
    codes: NDArray[np.int32] = colours.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    return codes


def look_up(
    codes: NDArray[np.int32], table: Mapping[int, int]
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Look each code up, by one bisection for all; the table is not empty.

    Returns:
        The values, and where there is one; elsewhere they mean nothing. Both have the codes' shape.
    """
    known = np.array(sorted(table), np.int32)
    values = np.array([table[code] for code in known.tolist()], np.int16)
    found = np.searchsorted(known, codes).clip(max=len(known) - 1)
    return values[found], known[found] == codes
