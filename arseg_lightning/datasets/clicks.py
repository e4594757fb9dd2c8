"""Clicks: single labelled pixels, drawn from full labels or listed in a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from arseg_lightning.datasets.labels import class_values
from arseg_lightning.files import write_atomic
from arseg_lightning.types import ClassSet, size_text

__all__ = ["Click", "Placement", "click_label", "draw_clicks", "read_clicks", "write_clicks"]

Placement = Literal["random", "central"]

_COLUMNS = ("image", "x", "y", "class")


class Click(NamedTuple):
    """A pixel that someone has named the class of."""

    x: int  # column, from 0
    y: int  # row, from 0
    label: int  # index of the class


def draw_clicks(
    label: NDArray[np.uint8],
    classes: ClassSet,
    placement: Placement,
    generator: np.random.Generator,
    least_pixels: int = 1,
) -> list[Click]:
    """Click once on each connected component of each class.

    Args:
        label: Class indices, (H, W).
        classes: Their classes.
        placement: ``random``: any pixel of the component; ``central``: the one that is furthest
            from its border.
        generator: Draws the random ones.
        least_pixels: Smaller components get none.

    Source: the supervision of Liu et al., WeClick, ACM MM 2021: a click for each component.
    """
    clicks = []
    for index in range(classes.num_classes):
        components, _ = ndimage.label(np.pad(label == index, 1))  # pixels that share a side
        for number, box in enumerate(ndimage.find_objects(components), start=1):
            # With a margin of one pixel, so that the image's border is one of the component too
            rows, columns = (slice(each.start - 1, each.stop + 1) for each in box)
            inside = components[rows, columns] == number
            if inside.sum() < least_pixels:
                continue
            if placement == "central":
                depth = ndimage.distance_transform_edt(inside)
                y, x = np.unravel_index(int(depth.argmax()), depth.shape)
            else:
                ys, xs = np.nonzero(inside)
                chosen = int(generator.integers(len(ys)))
                y, x = ys[chosen], xs[chosen]
            clicks.append(Click(int(x) + columns.start - 1, int(y) + rows.start - 1, index))
    return clicks


def click_label(
    clicks: Iterable[Click], size: tuple[int, int], classes: ClassSet
) -> NDArray[np.integer]:
    """Make a label file's values of clicks: ``ignore_index`` everywhere else.

    Shapes:
        returns: (H, W), uint8, or uint16 for class sets whose files have larger values

    Raises:
        ValueError: If a click is outside of the image.
    """
    values, void = class_values(classes)
    label = np.full(size, void, np.uint8 if max(void, *values) < 256 else np.uint16)
    for click in clicks:
        if not (0 <= click.y < size[0] and 0 <= click.x < size[1]):
            raise ValueError(
                f"the click at x={click.x}, y={click.y} is outside of an image of "
                f"{size_text(size)} (height x width); columns and rows are counted from 0"
            )
        label[click.y, click.x] = values[click.label]
    return label


def write_clicks(path: Path, clicks: Mapping[str, Sequence[Click]], classes: ClassSet) -> None:
    """Write clicks by image as a CSV file: image, x, y, class."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for image, found in clicks.items():
        rows.writerows((image, each.x, each.y, classes.names[each.label]) for each in found)
    write_atomic(path, text.getvalue())


def read_clicks(path: Path, classes: ClassSet) -> dict[str, list[Click]]:
    """Read a CSV file of clicks: image, x, y, class; a class by its name or its index.

    Returns:
        The clicks of each image, by the image's name without folder and ending.

    Raises:
        ValueError: If a column is missing, or a line has no such class or no whole numbers; the
            message names the line.
    """
    clicks: dict[str, list[Click]] = {}
    known = {name: index for index, name in enumerate(classes.names)}
    known |= {str(index): index for index in range(classes.num_classes) if str(index) not in known}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise ValueError(
                f"{path} has no column {', '.join(missing)}; its first line is image,x,y,class"
            )
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            name = (row["class"] or "").strip()
            if name not in known:
                raise ValueError(
                    f"{where}: {classes.name} has no class {name!r}; it has "
                    f"{', '.join(classes.names)}, or their numbers from 0"
                )
            try:
                x, y = int(row["x"]), int(row["y"])
            except (TypeError, ValueError):
                raise ValueError(
                    f"{where}: x={row['x']!r}, y={row['y']!r} should be whole pixels, column and "
                    f"row from 0"
                ) from None
            clicks.setdefault(Path(row["image"]).stem, []).append(Click(x, y, known[name]))
    return clicks
