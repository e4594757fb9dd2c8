"""Results as plots: accuracy over distance and over cost, changes, interval x ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from arseg_lightning.report.result import RunResult
from arseg_lightning.report.rows import DISTANCE, look_up, result_rows, settings

__all__ = ["heat_maps", "pareto_front", "plot_changes", "plot_distances", "plot_heat_map"]
__all__ += ["plot_pareto", "plot_result"]

_MARKERS = "os^Dv*PX<>"
"""Of the lines that are named; there are no more of them."""

_SWEPT = ("keyframe_interval", "resolution_ratio", "own", "ckpt_path", "weights", "compare_weights")
"""What differs between the points of a sweep over interval and ratio."""


def plot_result(result: RunResult, path: Path) -> None:
    """Draw mIoU of each method over the distance to the keyframe."""
    rows = result_rows(result)
    rows["label"] = [
        f"{name}: {100 * miou:.1f} % at {gmacs:.3g} GMACs/frame"
        for name, miou, gmacs in zip(rows.method, rows.miou, rows.gmacs, strict=True)
    ]
    height, width = result.size
    title = f"{result.data}, {width}x{height}, L = {result.keyframe_interval}"
    plot_distances(rows, path, title)


def plot_distances(rows: pd.DataFrame, path: Path, title: str = "") -> None:
    """Draw mIoU over the distance to the keyframe, a line a row and its spread as a band.

    A row that has one value for all frames is a level line. The first lines are named; if there are
    many, the others are grey.

    Args:
        rows: Their ``label``, ``miou``, mIoU ``at 0``, ``at 1`` and so on, and deviations of these
            (``at 0_std``) if they are known.
        path: The image to write.
        title: Stands above the plot.
    """
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    columns = rows.filter(regex=DISTANCE).columns
    distances = [int(name.removeprefix("at ")) for name in columns]
    means = 100 * rows[columns]
    deviations = 100 * rows.reindex(columns=[f"{name}_std" for name in columns])
    for i, (label, miou) in enumerate(zip(rows.label, rows.miou, strict=True)):
        values, deviation = means.iloc[i].to_numpy(), deviations.iloc[i].to_numpy(float)
        if i >= len(_MARKERS):
            more = f"{len(rows) - i} more" if i == len(_MARKERS) else None
            axes.plot(distances, values, color="0.8", zorder=0, label=more)
        elif not np.isnan(values).all():
            axes.plot(distances, values, f"C{i}{_MARKERS[i]}-", markersize=5, label=label)
            low, high = values - deviation, values + deviation  # NaN draws none
            axes.fill_between(distances, low, high, color=f"C{i}", alpha=0.15)
        elif not math.isnan(miou):
            axes.axhline(100 * miou, color=f"C{i}", label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("distance to the keyframe (frames)")
    axes.set_ylabel("mIoU (%)")
    axes.grid(alpha=0.3)
    axes.set_title(title)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def plot_changes(rows: pd.DataFrame, path: Path) -> None:
    """Draw what each row of a study changes against its reference, with its spread over seeds.

    Raises:
        ValueError: If the study has no reference.
    """
    if not rows.is_reference.any():
        raise ValueError("bars of changes need a reference; name one of the rows")
    (reference,) = rows.row[rows.is_reference]
    others = rows[~rows.is_reference]
    figure = Figure(figsize=(7, 1.6 + 0.3 * len(others)), layout="constrained")
    axes = figure.subplots()
    y = range(len(others))
    colours = np.where(others.change < 0, "tab:red", "tab:green")
    spread = 100 * others.change_std  # NaN draws none
    axes.barh(y, 100 * others.change, xerr=spread, color=colours, alpha=0.8, capsize=3)
    axes.set_yticks(y, others.row + " (" + others.seeds.astype(str) + ")")
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"pooled mIoU against {reference} (points; number of seeds)")
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


def plot_pareto(rows: pd.DataFrame, path: Path) -> None:
    """Draw mIoU over GMACs, ± its spread, with the methods that no other beats joined by a line."""
    from adjustText import adjust_text

    rows = rows.dropna(subset=["gmacs", "miou"])
    points = list(zip(rows.gmacs, 100 * rows.miou, strict=True))
    front = pareto_front(points)
    figure = Figure(figsize=(7, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    if len(front) > 1:
        line = [points[i] for i in front]
        axes.plot(*zip(*line, strict=True), color="0.6", zorder=1, label="not beaten in both")
        axes.legend(loc="lower right")
    for i, (point, deviation) in enumerate(zip(points, 100 * rows.miou_std, strict=True)):
        colour = "tab:blue" if i in front else "0.4"
        axes.errorbar(*point, yerr=deviation, marker="o", capsize=3, color=colour)
    axes.margins(x=0.15, y=0.1)
    axes.set_xlabel("cost (GMACs per frame)")
    axes.set_ylabel("mIoU (%)")
    axes.grid(alpha=0.3)
    figure.draw_without_rendering()  # only then is it known where everything is
    labels = zip(points, rows.label, strict=True)
    names = [axes.text(*point, label, fontsize="small") for point, label in labels]
    if names:
        adjust_text(
            names,
            *zip(*points, strict=True),
            ax=axes,
            expand=(1.25, 1.5),
            force_static=(0.3, 0.5),
            iter_lim=1000,  # instead of a time: the same plot on every machine
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.6},
        )
    figure.savefig(path)


def heat_maps(measured: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Find the runs that span several keyframe intervals and several resolution ratios.

    Runs belong to one table if they differ in interval and ratio alone, and in the weights and
    folders that go with them.

    Returns:
        The data, and a table with a row a ratio, both figures (``miou``, ``gmacs``) as columns over
        the intervals; NaN where no run is.
    """
    own = measured[measured.is_own]
    runs = own.assign(
        data=[run.result.data for run in own.run],
        settings=[settings(run, _SWEPT) for run in own.run],
        interval=[run.result.keyframe_interval for run in own.run],
        ratio=[
            look_up(run.config, "model.resolution_ratio")
            or look_up(run.config, "model.method.resolution_ratio")
            for run in own.run
        ],
    )
    found = []
    for (data, _), alike in runs.dropna(subset="ratio").groupby(["data", "settings"], sort=False):
        table = alike.pivot_table(index="ratio", columns="interval", values=["miou", "gmacs"])
        if min(table["miou"].shape) > 1:
            found.append((str(data), table))
    return found


def plot_heat_map(table: pd.DataFrame, title: str, path: Path) -> None:
    """Draw a table of :func:`heat_maps`: mIoU in percent as colours, with the cost below it."""
    miou, gmacs = 100 * table["miou"], table["gmacs"].to_numpy()
    values = miou.to_numpy()
    rows, columns = len(miou.index), len(miou.columns)
    figure = Figure(figsize=(2.5 + 1.1 * columns, 1.6 + 0.8 * rows), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, origin="lower", cmap="viridis", aspect="auto")
    figure.colorbar(image, label="mIoU (%)")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for y, x in np.ndindex(values.shape):
        value = values[y, x]
        text = "no run" if math.isnan(value) else f"{value:.1f}\n{gmacs[y, x]:.3g} GMACs"
        colour = "white" if value < middle else "black"  # dark cells hold low values
        axes.text(x, y, text, ha="center", va="center", color=colour, fontsize="small")
    axes.set_xticks(range(columns), [str(interval) for interval in miou.columns])
    axes.set_yticks(range(rows), [f"{ratio:g}x" for ratio in miou.index])
    axes.set_xlabel("keyframe interval (frames)")
    axes.set_ylabel("resolution between keyframes")
    axes.set_title(title, fontsize="medium")
    figure.savefig(path, dpi=150)
