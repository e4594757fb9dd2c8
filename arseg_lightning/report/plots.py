"""Results as plots: accuracy over distance and over cost, changes, interval x ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from arseg_lightning.report.groups import Row, look_up, settings
from arseg_lightning.report.result import RunResult
from arseg_lightning.report.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["heat_maps", "pareto_front", "plot_changes", "plot_distances", "plot_heat_map"]
__all__ += ["plot_pareto", "plot_row_distances"]

_MARKERS = "os^Dv*PX<>"
"""Of the lines that are named; there are no more of them."""

_SWEPT = ("keyframe_interval", "resolution_ratio", "own", "ckpt_path", "weights", "compare_weights")
"""What differs between the points of a sweep over interval and ratio."""


def plot_distances(result: RunResult, path: Path) -> None:
    """Draw mIoU over the distance to the keyframe, a line a method.

    A method that has one value for all frames is a level line.
    """
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for number, method in enumerate(result.methods):
        mean = 100 * method.accuracy.miou_mean
        label = f"{method.name}: {mean:.1f} % at {method.mean_gmacs:.3g} GMACs/frame"
        values = [100 * value for value in method.at_distance]
        if values:
            marker = _MARKERS[number % len(_MARKERS)]
            axes.plot(values, marker=marker, color=f"C{number}", label=label)
        elif not math.isnan(mean):  # one value for all frames
            axes.axhline(mean, color=f"C{number}", label=label)
    _label_distances(axes)
    figure.legend(loc="outside lower center")
    height, width = result.size
    axes.set_title(f"{result.data}, {width}x{height}, L = {result.keyframe_interval}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def plot_row_distances(rows: Sequence[Row], path: Path) -> None:
    """Draw mIoU over the distance to the keyframe, a line a row and its spread as a band.

    The first lines are named; if there are many, the others are grey.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for i, row in enumerate(rows):
        means = [100 * values.mean() for values in row.at_distance]
        if i >= len(_MARKERS):
            label = f"{len(rows) - i} more" if i == len(_MARKERS) else None
            axes.plot(means, color="0.8", zorder=0, label=label)
            continue
        (line,) = axes.plot(means, marker=_MARKERS[i], markersize=4, label=row.label)
        spans = [100 * values.std() for values in row.at_distance]
        low, high = ([m + sign * s for m, s in zip(means, spans, strict=True)] for sign in (-1, 1))
        axes.fill_between(range(len(means)), low, high, color=line.get_color(), alpha=0.15)
    _label_distances(axes)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, dpi=150)


def plot_changes(study: Study, path: Path) -> None:
    """Draw what each row changes against the reference as bars, with its spread over seeds.

    Raises:
        ValueError: If the study has no reference.
    """
    if study.reference is None:
        raise ValueError("bars of changes need a reference; name one of the rows")
    rows = [row for row in study.rows if row is not study.reference]
    changes = [100 * study.change(row) for row in rows]
    figure = Figure(figsize=(7, 1.6 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    values = [change.mean() for change in changes]
    spreads = [change.std() for change in changes]  # NaN draws none
    colours = ["tab:red" if value < 0 else "tab:green" for value in values]
    axes.barh(range(len(rows)), values, xerr=spreads, color=colours, alpha=0.8, capsize=3)
    axes.set_yticks(range(len(rows)), [f"{row.name} ({row.seeds})" for row in rows])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"pooled mIoU against {study.reference.name} (points; number of seeds)")
    axes.grid(alpha=0.3, axis="x")
    figure.savefig(path, dpi=150)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Find the points that no other beats: that costs no more, is no worse, and is not the same.

    Args:
        points: Cost (less is better) and accuracy (more is better) of each; NaN is no point.

    Returns:
        Their indices, by rising cost.
    """

    def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
        return one[0] <= other[0] and one[1] >= other[1] and one != other

    known = [i for i, point in enumerate(points) if not any(map(math.isnan, point))]
    front = [i for i in known if not any(beats(points[j], points[i]) for j in known)]
    return sorted(front, key=lambda i: points[i])


def plot_pareto(rows: Sequence[Row], path: Path) -> None:
    """Draw mIoU over GMACs, with the methods that no other beats joined by a line.

    Args:
        rows: The methods; spread over seeds is drawn as a bar.
        path: The image to write.
    """
    from adjustText import adjust_text

    figure = Figure(figsize=(7, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    points = [(row.gmacs, 100 * row.miou.mean()) for row in rows]
    front = pareto_front(points)
    if len(front) > 1:
        line = [points[i] for i in front]
        axes.plot(*zip(*line, strict=True), color="0.6", zorder=1, label="not beaten in both")
        axes.legend(loc="lower right")
    for i, (row, point) in enumerate(zip(rows, points, strict=True)):
        colour = "tab:blue" if i in front else "0.4"
        axes.errorbar(*point, yerr=100 * row.miou.std(), marker="o", capsize=3, color=colour)
    axes.margins(x=0.15, y=0.1)
    axes.set_xlabel("cost (GMACs per frame)")
    axes.set_ylabel("mIoU (%)")
    axes.grid(alpha=0.3)
    figure.draw_without_rendering()  # only then is it known where everything is
    known = [i for i, point in enumerate(points) if not any(map(math.isnan, point))]
    names = [axes.text(*points[i], rows[i].label, fontsize="small") for i in known]
    if names:
        adjust_text(
            names,
            *zip(*(points[i] for i in known), strict=True),
            ax=axes,
            expand=(1.25, 1.5),
            force_static=(0.3, 0.5),
            iter_lim=1000,  # instead of a time: the same plot on every machine
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.6},
        )
    figure.savefig(path)


def heat_maps(rows: Sequence[Row]) -> list[tuple[str, pd.DataFrame]]:
    """Find the runs that span several keyframe intervals and several resolution ratios.

    Runs belong to one table if they differ in interval and ratio alone, and in the weights and
    folders that go with them.

    Returns:
        The data, and a table with a row a ratio, both figures (``mIoU``, ``GMACs``) as columns over
        the intervals; NaN where no run is.
    """
    import pandas as pd

    runs = pd.DataFrame(
        {
            "data": run.result.data,
            "settings": settings(run, _SWEPT),
            "interval": run.result.keyframe_interval,
            "ratio": look_up(run.config, "model.resolution_ratio")
            or look_up(run.config, "model.method.resolution_ratio"),
            "mIoU": run.own.accuracy.miou_mean,
            "GMACs": run.own.mean_gmacs,
        }
        for row in rows
        for run in row.runs
    )
    found = []
    for (data, _), alike in runs.dropna(subset="ratio").groupby(["data", "settings"], sort=False):
        table = alike.pivot_table(index="ratio", columns="interval", values=["mIoU", "GMACs"])
        if min(table["mIoU"].shape) > 1:
            found.append((str(data), table))
    return found


def plot_heat_map(table: pd.DataFrame, title: str, path: Path) -> None:
    """Draw mIoU in percent as colours, with the cost below each value.

    Args:
        table: As :func:`heat_maps` gives it.
        title: What the runs share.
        path: The image to write.
    """
    miou, gmacs = 100 * table["mIoU"], table["GMACs"].to_numpy()
    values = miou.to_numpy()
    rows, columns = len(miou.index), len(miou.columns)
    figure = Figure(figsize=(2.5 + 1.1 * columns, 1.6 + 0.8 * rows), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, origin="lower", cmap="viridis", aspect="auto")
    figure.colorbar(image, label="mIoU (%)")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for y, x in ((y, x) for y in range(rows) for x in range(columns)):
        value = values[y, x]
        text = "no run" if math.isnan(value) else f"{value:.1f}\n{gmacs[y, x]:.3g} GMACs"
        colour = "white" if value < middle else "black"
        axes.text(x, y, text, ha="center", va="center", color=colour, fontsize="small")
    axes.set_xticks(range(columns), [str(interval) for interval in miou.columns])
    axes.set_yticks(range(rows), [f"{ratio:g}x" for ratio in miou.index])
    axes.set_xlabel("keyframe interval (frames)")
    axes.set_ylabel("resolution between keyframes")
    axes.set_title(title, fontsize="medium")
    figure.savefig(path, dpi=150)


def _label_distances(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("distance to the keyframe (frames)")
    axes.set_ylabel("mIoU (%)")
    axes.grid(alpha=0.3)
