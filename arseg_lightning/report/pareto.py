"""Accuracy over cost, and which methods no other beats in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arseg_lightning.report.labels import Box, place_labels
from arseg_lightning.report.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pareto_front", "plot_pareto"]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Find the points that no other beats.

    A point is beaten by one that costs no more and is no worse, and is better in one of the two.

    Args:
        points: Cost (less is better) and accuracy (more is better) of each; NaN is no point.

    Returns:
        Their indices, by rising cost.
    """
    known = [i for i, point in enumerate(points) if not any(map(math.isnan, point))]
    front = [i for i in known if not any(_beats(points[j], points[i]) for j in known)]
    return sorted(front, key=lambda i: points[i])


def plot_pareto(rows: Sequence[Row], path: Path) -> None:
    """Draw mIoU over GMACs, with the methods that no other beats joined by a line.

    Args:
        rows: The methods; spread over seeds is drawn as a bar.
        path: The picture to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    points = [(row.gmacs, 100 * row.miou.mean) for row in rows]
    front = pareto_front(points)
    if len(front) > 1:
        line = [points[i] for i in front]
        axes.plot(*zip(*line, strict=True), color="0.6", zorder=1, label="not beaten in both")
        axes.legend(loc="lower right")
    for i, (row, point) in enumerate(zip(rows, points, strict=True)):
        spread = 100 * row.miou.deviation if row.miou.count > 1 else None
        colour = "tab:blue" if i in front else "0.4"
        axes.errorbar(*point, yerr=spread, marker="o", capsize=3, linestyle="none", color=colour)
    axes.margins(x=0.15, y=0.1)
    axes.set_xlabel("cost (GMACs per frame)")
    axes.set_ylabel("mIoU (%)")
    axes.grid(alpha=0.3)
    figure.draw_without_rendering()  # only then is it known where everything is
    _name_points(axes, points, [row.label for row in rows])
    figure.savefig(path)


def _name_points(axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str]) -> None:
    """Name points of finished axes; a line leads to one whose name is not right beside it."""
    known = [i for i, point in enumerate(points) if not any(map(math.isnan, point))]
    places = [tuple(axes.transData.transform(points[i])) for i in known]
    sizes = [_size_of(axes, names[i]) for i in known]
    boxes = place_labels(places, sizes, Box(*axes.bbox.bounds))
    for i, (x, y), box in zip(known, places, boxes, strict=True):
        is_right, up = box.left > x, box.bottom + box.height / 2 - y
        line = {"arrowstyle": "-", "color": "0.7", "linewidth": 0.6, "shrinkB": 4}
        axes.annotate(
            names[i],
            points[i],
            xytext=((box.left if is_right else box.left + box.width) - x, up),
            textcoords="offset pixels",
            ha="left" if is_right else "right",
            va="center",
            fontsize="small",
            arrowprops=line | {"relpos": (0 if is_right else 1, 0.5)} if abs(up) > 1 else None,
        )


def _size_of(axes: Axes, name: str) -> tuple[float, float]:
    """Width and height of a name in pixels."""
    text = axes.text(0, 0, name, fontsize="small")
    extent = text.get_window_extent()
    text.remove()
    return extent.width, extent.height


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other
