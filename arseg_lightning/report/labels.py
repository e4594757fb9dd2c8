"""Where the names of points go in a picture, so that none covers another or a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

__all__ = ["Box", "place_labels"]

_GAP = 12.0
"""From a point to its name, and around a point where no name may be, in pixels."""


class Box(NamedTuple):
    """A rectangle: its left and lower edges, its width and height."""

    left: float
    bottom: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        """Whether the two have area in common."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.bottom < other.bottom + other.height
            and other.bottom < self.bottom + self.height
        )

    def is_inside(self, area: Box) -> bool:
        """Whether nothing of it is outside an area."""
        return (
            area.left <= self.left
            and area.bottom <= self.bottom
            and self.left + self.width <= area.left + area.width
            and self.bottom + self.height <= area.bottom + area.height
        )


def place_labels(
    points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], area: Box
) -> list[Box]:
    """Give each point's name the nearest place beside it, above or below, that is free.

    Where the picture is full, a name stays right beside its point, over whatever is there.

    Args:
        points: Where they are, in pixels.
        sizes: Width and height of each name.
        area: In which names may be.
    """
    taken = [Box(x - _GAP / 2, y - _GAP / 2, _GAP, _GAP) for x, y in points]
    placed: dict[int, Box] = {}
    for index in sorted(range(len(points)), key=lambda i: -points[i][1]):
        places = list(_places(points[index], sizes[index], area))
        free = (
            box
            for box in places
            if box.is_inside(area) and not any(box.overlaps(other) for other in taken)
        )
        placed[index] = next(free, places[0])
        taken.append(placed[index])
    return [placed[index] for index in range(len(points))]


def _places(point: tuple[float, float], size: tuple[float, float], area: Box) -> Iterator[Box]:
    """Places right and left of a point, further and further up and down."""
    (x, y), (width, height) = point, size
    for step in count():
        shift = step * height / 2
        if shift > area.height:
            return
        for bottom in (y - height / 2 + shift, y - height / 2 - shift):
            yield Box(x + _GAP, bottom, width, height)
            yield Box(x - _GAP - width, bottom, width, height)
