"""Better motion than a codec's vectors: that of blocks beside, where the picture fits it better."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.kernels import motion_kernels
from arseg_lightning.video.vectors import BIAS, DETOUR, Candidates, Painted, differences

__all__ = ["refine_vectors"]

Motions = NDArray[np.int16]
"""x, y and reference of blocks, and whether they have none."""

_CLEARLY = 2
"""Quarter grey levels a pixel by which another motion has to fit better."""

_SIDES = (0, -2), (-2, 0), (0, 2), (2, 0)


def refine_vectors(found: Painted, size: tuple[int, int], candidates: Candidates) -> None:
    """Give each block of 8x8 pixels the motion of one beside it where the picture fits that better.

    An encoder chooses vectors that cost few bits. Blocks without motion, and those that are
    divided, stay as they are.

    Args:
        found: The motion of a picture, which is changed.
        size: Height and width of the picture.
        candidates: What its vectors were matched with.
    """
    kernels = motion_kernels()
    if kernels is not None:
        planes = found.field, found.references, found.intra
        kernels.refine(planes, size, candidates, (_CLEARLY, BIAS, DETOUR))
    else:
        _refine(found, candidates)


def _refine(found: Painted, candidates: Candidates) -> None:
    """The same without kernels."""
    height, width = found.intra.shape
    planes = found.field, found.references[None], found.intra[None]
    motions = np.concatenate(planes).astype(np.int16)
    for row in range(0, height - 1, 2):
        for column in range(0, width - 1, 2):
            block = (slice(None), slice(row, row + 2), slice(column, column + 2))
            own = motions[:, row, column].copy()
            if own[3] or (motions[block] != own[:, None, None]).any():
                continue
            part = tuple(slice(BLOCK_SIZE * at, BLOCK_SIZE * (at + 2)) for at in (row, column))
            sides = ((row + down, column + right) for down, right in _SIDES)
            near = [motions[:, r, c] for r, c in sides if 0 <= r < height and 0 <= c < width]
            tried = [motion for motion in near if not motion[3]]
            motions[block] = _best(own, tried, (part[0], part[1]), candidates)[:, None, None]
    found.field[:], found.references[:] = motions[:2], motions[2]


def _best(
    own: Motions, tried: list[Motions], part: tuple[slice, slice], candidates: Candidates
) -> Motions:
    """The motion that a part of the picture fits best."""
    area = candidates.luma[part].size
    best, least = own, _misfit(own, part, candidates) - _CLEARLY * area
    for motion in tried:
        if (motion != own).any() and (cost := _misfit(motion, part, candidates)) < least:
            best, least = motion, cost
    return best


def _misfit(motion: Motions, part: tuple[slice, slice], candidates: Candidates) -> int:
    """How badly a part of the picture fits what a motion leads to."""
    x, y, reference = (int(each) for each in motion[:3])
    is_later = reference > 0
    side = candidates.later if is_later else candidates.earlier
    rank = [offset for offset, _ in side].index(reference)
    block = candidates.luma[part].astype(np.int64)
    place = part[0].start + ((y + 2) >> 2), part[1].start + ((x + 2) >> 2)
    ((_, sad),) = differences(block, side[rank : rank + 1], *place)
    return 4 * sad + block.size * (BIAS * rank + DETOUR * is_later)
