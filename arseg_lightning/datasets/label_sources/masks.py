"""Masks of one object, as annotation files spell them: runs of pixels, and polygons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arseg_lightning.types import size_text

__all__ = ["polygon_mask", "run_length_mask", "text_counts"]

_FIRST_CHARACTER = 48  # "0", which stands for 0; "o" stands for 63
_MOST_DIGITS = 7  # of 5 bits: numbers of 34 bits, more than any image has pixels


def run_length_mask(counts: ArrayLike, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decode COCO's run lengths: pixels outside, then inside, then outside, and so on.

    Pixels are counted down the columns, column by column from the left.

    Args:
        counts: Lengths of the runs; the first, which may be 0, is of pixels outside.
        size: Height and width.

    Shapes:
        returns: (H, W), True inside

    Raises:
        ValueError: If a length is no whole number from 0, or they do not add up to the image.

    Source: the data format of COCO (cocodataset.org/#format-data), "RLE".
    """
    lengths = np.asarray(counts)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
        raise ValueError(f"run lengths are whole numbers from 0, got {str(counts)[:40]}")
    if (total := int(lengths.sum())) != size[0] * size[1]:
        raise ValueError(
            f"run lengths add up to {total} pixels, and an image of {size_text(size)} (height x "
            f"width) has {size[0] * size[1]}"
        )
    is_inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(is_inside, lengths).reshape(size, order="F")


def text_counts(text: str) -> NDArray[np.int64]:
    """Read run lengths that are packed in a text, as COCO's files of results and stuff do.

    A number is a row of characters from ``0`` (0) to ``o`` (63), with five of its bits each, the
    lowest first. The sixth bit says that another character follows; in the last one, the fifth bit
    is the sign, as in two's complement. From the fourth number on, what is stored is the difference
    to the number two before.

    Raises:
        ValueError: If there is another character, or the text ends within a number.

    Source: the behaviour of ``pycocotools.mask``, COCO's own reader.
    """
    codes = np.array([ord(each) for each in text], np.int64) - _FIRST_CHARACTER
    if not len(codes) or ((codes < 0) | (codes > 63)).any() or codes[-1] & 32:
        raise ValueError(f"packed run lengths are characters from '0' to 'o', got {text[:40]!r}")
    ends = np.flatnonzero(codes & 32 == 0)
    starts = np.append(0, ends[:-1] + 1)
    digits = ends - starts + 1
    if digits.max() > _MOST_DIGITS:
        raise ValueError(f"a packed run length is too long for an image: {text[:40]!r}")
    places = np.arange(len(codes)) - np.repeat(starts, digits)
    numbers = np.add.reduceat((codes & 31) << (5 * places), starts)
    numbers -= np.where(codes[ends] & 16, np.int64(1) << (5 * digits), 0)
    numbers[1::2] = numbers[1::2].cumsum()
    numbers[2::2] = numbers[2::2].cumsum()
    return numbers


def polygon_mask(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill polygons: a pixel is inside if its centre is inside of one of them.

    Args:
        polygons: Of each, x0, y0, x1, y1, … in pixels; (0, 0) is the upper left corner of the
            first pixel, whose centre is at (0.5, 0.5). Where one crosses itself, every second
            region is outside. They may reach over the image.
        size: Height and width.

    Shapes:
        returns: (H, W), True inside

    Raises:
        ValueError: If a polygon has fewer than three points, or coordinates that are no numbers.

    Differs: COCO's own reader first rounds points and edges to a fifth of a pixel.
    """
    inside = np.zeros(size, np.bool_)
    for polygon in polygons:
        try:
            points = np.asarray(polygon, np.float64).reshape(-1, 2)
        except (TypeError, ValueError):
            points = np.empty((0, 2))
        if len(points) < 3 or not np.isfinite(points).all():
            raise ValueError(
                f"a polygon is x0, y0, x1, y1, … of three or more points, got {str(polygon)[:40]}"
            )
        inside |= _filled(points, size)
    return inside


def _filled(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels above which an odd number of edges cross their column's middle."""
    height, width = size
    ends = np.stack([points, np.roll(points, -1, axis=0)])  # (2, N, 2), x and y
    left, right = np.take_along_axis(ends, ends[..., :1].argsort(axis=0), axis=0)
    # Columns whose middle lies in [left, right) of an edge.
    first, stop = (
        np.ceil(x - 0.5).clip(0, width).astype(np.int64) for x in (left[:, 0], right[:, 0])
    )
    number = stop - first
    edge = np.repeat(np.arange(len(points)), number)
    columns = np.arange(len(edge)) - np.repeat(number.cumsum() - number, number) + first[edge]
    slope = (right[:, 1] - left[:, 1])[edge] / (right[:, 0] - left[:, 0])[edge]
    y = left[edge, 1] + (columns + 0.5 - left[edge, 0]) * slope
    rows = np.ceil(y - 0.5).clip(0, height).astype(np.int64)
    crossings = np.bincount(rows * width + columns, minlength=(height + 1) * width)
    above = crossings.reshape(-1, width)[:height].cumsum(axis=0)
    inside: NDArray[np.bool_] = above % 2 == 1
    return inside
