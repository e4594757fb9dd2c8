"""Reads the motion files of the paper's authors: motion to the keyframe, already accumulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import Motion
from arseg_lightning.video.errors import VideoError

__all__ = ["read_published_motion"]


def read_published_motion(path: Path, size: tuple[int, int]) -> Motion:
    """Read the motion of one frame to its keyframe from a published file.

    A file is raw int16, little-endian, of shape (H, W, 2): x and y in quarter pixels at full
    resolution. It does not know which blocks were intra-coded, so all of the motion is valid.

    Args:
        path: The file.
        size: Height and width of the frame that it belongs to.

    Raises:
        FileNotFoundError: If there is no such file.
        VideoError: If its size is not that of the frame's motion.

    Source: THU-LYJ-Lab/AR-Seg, the format that its preprocessing writes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; each frame behind a keyframe needs its motion")
    height, width = size
    expected, found = 2 * 2 * height * width, path.stat().st_size
    if found != expected:
        raise VideoError(
            f"{path} has {found} bytes, but the motion of a {height}x{width} frame (height x "
            f"width) takes {expected}: 2 int16 a pixel; take the file that was made from this "
            f"frame at this size"
        )
    quarters: NDArray[np.int16] = np.fromfile(path, "<i2").reshape(height, width, 2)
    pixels = quarters.transpose(2, 0, 1).astype(np.float32) * np.float32(0.25)
    return Motion(np.ascontiguousarray(pixels), np.ones(size, np.bool_))
