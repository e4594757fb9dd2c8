"""The motion between two frames that are both known relative to a third."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import Motion
from arseg_lightning.video.kernels import motion_kernels

__all__ = ["relative_motion"]

_ROUNDS = 3
"""Where the field changes by 0.1 from pixel to pixel, a thousandth of it is missing after these."""


def relative_motion(frame: Motion, keyframe: Motion) -> Motion:
    """The motion of a frame to a keyframe, both of whose motion leads to one other frame.

    A pixel p of the frame is where q of the keyframe is if both were at one place:
    ``p + frame(p) = q + keyframe(q)``. That is solved for q by putting it in again.
    """
    kernels = motion_kernels()
    if kernels is not None:
        return kernels.relate(frame, keyframe)
    height, width = frame.size
    start = np.stack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    goal = start + frame.xy
    found, at = goal, _nearest(goal)
    for _ in range(_ROUNDS):
        found = goal - keyframe.xy[:, at[1], at[0]]
        at = _nearest(found)
    return Motion(found - start, frame.valid & keyframe.valid[at[1], at[0]])


def _nearest(place: NDArray[np.float32]) -> NDArray[np.intp]:
    """The pixels, x and y, that places are nearest to, (2, H, W), held inside the picture."""
    _, height, width = place.shape
    limits = np.array([width, height]).reshape(2, 1, 1) - 1
    found: NDArray[np.intp] = np.floor(place + 0.5).astype(np.intp).clip(0, limits)
    return found
