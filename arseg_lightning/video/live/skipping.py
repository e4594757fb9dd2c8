"""Leaves a frame out of a stream so that motion still leads from the next to the one before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.live.frame import StreamedFrame
from arseg_lightning.video.motion import BlockMotion

__all__ = ["skip"]

_CELL = 4 * BLOCK_SIZE
"""Side of a cell in quarter pixels."""


def skip(dropped: StreamedFrame, following: StreamedFrame) -> StreamedFrame:
    """The following frame, with motion past the dropped one to what came before that.

    Motion is looked up at the cell that a cell's centre came from, so that it is less exact than
    that of each frame.

    Args:
        dropped: A frame that the caller never sees.
        following: The next one.
    """
    restart = following.restart or dropped.restart
    if restart or following.step is None or dropped.step is None:
        return replace(following, step=None, restart=restart)
    return replace(following, step=_composed(following.step, dropped.step))


def _composed(step: BlockMotion, earlier: BlockMotion) -> BlockMotion:
    """Motion over two steps, cell by cell."""
    height, width = step.intra.shape
    columns = _origin(np.arange(width), step.quarter_pixels[0])
    rows = _origin(np.arange(height)[:, None], step.quarter_pixels[1])
    total = step.quarter_pixels.astype(np.int32) + earlier.quarter_pixels[:, rows, columns]
    bounds = np.iinfo(np.int16)
    clipped: NDArray[np.int16] = total.clip(bounds.min, bounds.max).astype(np.int16)
    return BlockMotion(clipped, step.intra | earlier.intra[rows, columns])


def _origin(cell: NDArray[np.int64], quarters: NDArray[np.int16]) -> NDArray[np.int64]:
    """The cell, along one axis, that a cell's centre came from; never beyond the picture."""
    centre = cell * _CELL + _CELL // 2 + quarters
    origin: NDArray[np.int64] = (centre // _CELL).clip(0, cell.size - 1)
    return origin
