"""Interval x ratio: the accuracy of a sweep over both as a grid."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arseg_lightning.report.groups import RunGroup, Spread
from arseg_lightning.report.recipe import Recipe

__all__ = ["HeatMap", "heat_maps", "plot_heat_map"]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Accuracy and cost over keyframe interval and resolution ratio.

    Args:
        title: What the runs share.
        intervals: Keyframe intervals L, rising.
        ratios: Resolution ratios s, rising.
        miou: Mean mIoU in [0, 1], one row a ratio, one column an interval; NaN where no run is.
        gmacs: Cost, laid out alike.
    """

    title: str
    intervals: tuple[int, ...]
    ratios: tuple[float, ...]
    miou: tuple[tuple[float, ...], ...]
    gmacs: tuple[tuple[float, ...], ...]


def heat_maps(groups: Sequence[RunGroup]) -> list[HeatMap]:
    """Find the runs of AR-Seg that span several intervals and several ratios.

    Runs belong to one grid if they differ in interval and ratio alone, and in the weights and
    folders that go with them.

    Args:
        groups: The runs.
    """
    families: dict[str, dict[tuple[float, int], list[RunGroup]]] = {}
    for group in groups:
        recipe = group.recipe
        if recipe is not None and recipe.method == "arseg":
            cells = families.setdefault(_rest(group, recipe), {})
            place = (recipe.resolution_ratio, recipe.keyframe_interval)
            cells.setdefault(place, []).append(group)
    grids = [_grid(cells) for cells in families.values()]
    return [grid for grid in grids if len(grid.ratios) > 1 and len(grid.intervals) > 1]


def plot_heat_map(grid: HeatMap, path: Path) -> None:
    """Draw mIoU in percent as colours, with the cost below each value.

    Args:
        grid: What to draw.
        path: The picture to write.
    """
    from matplotlib.figure import Figure

    columns, rows = len(grid.intervals), len(grid.ratios)
    figure = Figure(figsize=(2.5 + 1.1 * columns, 1.6 + 0.8 * rows), layout="constrained")
    axes = figure.subplots()
    values = [[100 * value for value in row] for row in grid.miou]
    image = axes.imshow(values, origin="lower", cmap="viridis", aspect="auto")
    figure.colorbar(image, label="mIoU (%)")
    known = [value for row in values for value in row if not math.isnan(value)]
    middle = (min(known) + max(known)) / 2
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            text = f"{value:.1f}\n{grid.gmacs[y][x]:.3g} GMACs" if value == value else "no run"
            colour = "white" if value < middle else "black"
            axes.text(x, y, text, ha="center", va="center", color=colour, fontsize="small")
    axes.set_xticks(range(columns), [str(interval) for interval in grid.intervals])
    axes.set_yticks(range(rows), [f"{ratio:g}x" for ratio in grid.ratios])
    axes.set_xlabel("keyframe interval (frames)")
    axes.set_ylabel("resolution between keyframes")
    axes.set_title(grid.title, fontsize="medium")
    figure.savefig(path, dpi=150)


def _grid(cells: Mapping[tuple[float, int], Sequence[RunGroup]]) -> HeatMap:
    ratios = tuple(sorted({ratio for ratio, _ in cells}))
    intervals = tuple(sorted({interval for _, interval in cells}))

    def values(figure: str) -> tuple[tuple[float, ...], ...]:
        return tuple(
            tuple(_value(cells.get((ratio, interval), ()), figure) for interval in intervals)
            for ratio in ratios
        )

    result = next(iter(cells.values()))[0].runs[0].result
    return HeatMap(result.data, intervals, ratios, values("miou"), values("gmacs"))


def _value(groups: Sequence[RunGroup], figure: str) -> float:
    """Mean over all runs of a cell."""
    methods = [run.own for group in groups for run in group.runs]
    if figure == "gmacs":
        return Spread.of(method.mean_gmacs for method in methods).mean
    return Spread.of(method.accuracy.miou_mean for method in methods).mean


def _rest(group: RunGroup, recipe: Recipe) -> str:
    """All but interval, ratio, weights and folders, as text."""
    first = group.runs[0]
    same = replace(recipe, resolution_ratio=1.0, keyframe_interval=1)
    data, model = (_pruned(first.config.get(key)) for key in ("data", "model"))
    return json.dumps(
        [str(same), first.result.data, first.result.size, data, model], default=str, sort_keys=True
    )


def _pruned(value: Any) -> Any:
    """Leave out of a configuration what differs between the points of a grid."""
    if isinstance(value, Mapping):
        varied = ("keyframe_interval", "resolution_ratio", "seed", "store", "num_workers")
        weights = ("weights", "compare_weights")
        return {
            key: _pruned(part)
            for key, part in value.items()
            if key not in (*varied, *weights) and not key.endswith("checkpoint")
        }
    return [_pruned(part) for part in value] if isinstance(value, list) else value
