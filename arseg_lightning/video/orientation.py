"""Turning and mirroring that a video file asks players for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from numpy.typing import NDArray

__all__ = ["Orientation"]

_SLANT = 0.02
"""Sine of the angle, about one degree, up to which a turn is taken for one by quarters."""


class Orientation(NamedTuple):
    """The steps that a display matrix asks for, in their order: quarter turns and mirroring."""

    swaps_axes: bool = False  # rows become columns
    mirrors_x: bool = False  # left and right are swapped
    mirrors_y: bool = False  # top and bottom are swapped

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """Read the display matrix of a decoded frame; without one, it is shown as it is.

        A point (x, y) of the frame is shown at (a x + c y, b x + d y). Turns by other than quarters
        are left out, as phones make none.
        Source: ISO/IEC 14496-12, section 8.3.2 (track header box).
        """
        found = frame.side_data.get("DISPLAYMATRIX")
        if not isinstance(found, SideData):
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(found), np.int32)[:5].astype(float)
        if max(abs(a), abs(d)) <= _SLANT * min(abs(b), abs(c)) != 0:
            return cls(swaps_axes=True, mirrors_x=bool(c < 0), mirrors_y=bool(b < 0))
        is_straight = max(abs(b), abs(c)) <= _SLANT * min(abs(a), abs(d))
        return cls(False, bool(is_straight and a < 0), bool(is_straight and d < 0))

    @property
    def is_upright(self) -> bool:
        """Whether frames are shown as they are."""
        return self == Orientation()

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that frames of a size are shown with."""
        return (width, height) if self.swaps_axes else (height, width)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn and mirror an image, without copying it.

        Shapes:
            image: (H, W, 3)
            returns: (H, W, 3), or (W, H, 3) if the axes are swapped
        """
        shown = image.swapaxes(0, 1) if self.swaps_axes else image
        return shown[:: -1 if self.mirrors_y else 1, :: -1 if self.mirrors_x else 1]
