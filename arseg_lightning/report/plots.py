"""Results as plots: accuracy over distance and over cost."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from arseg_lightning.report.result import RunResult
from arseg_lightning.report.rows import DISTANCE, result_rows

__all__ = ["plot_distances", "plot_pareto", "plot_result"]

_MARKERS = "os^Dv*PX<>"
"""They take turns, as the ten colours do, so that all lines that are named differ."""

_MOST_NAMED = 20


def plot_result(result: RunResult, path: Path) -> None:
    """Draw mIoU of each method over the distance to the keyframe."""
    rows = result_rows(result)
    rows["label"] = [
        f"{name}: {100 * miou:.1f} % at {gmacs:.3g} GMACs/frame"
        for name, miou, gmacs in zip(rows.method, rows.miou, rows.gmacs, strict=True)
    ]
    plot_distances(rows, path, f"{result.tested_on}, L = {result.keyframe_interval}")


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
        turns, which = divmod(i, len(_MARKERS))
        marker, color = _MARKERS[which], f"C{(i + turns) % 10}"
        if i >= _MOST_NAMED:
            more = f"{len(rows) - i} more" if i == _MOST_NAMED else None
            axes.plot(distances, values, color="0.8", zorder=0, label=more)
        elif not np.isnan(values).all():
            axes.plot(distances, values, f"{marker}-", color=color, markersize=5, label=label)
            low, high = values - deviation, values + deviation  # NaN draws none
            axes.fill_between(distances, low, high, color=color, alpha=0.15)
        elif not math.isnan(miou):
            axes.axhline(100 * miou, color=color, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="distance to the keyframe (frames)", ylabel="mIoU (%)", title=title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def plot_pareto(rows: pd.DataFrame, path: Path, title: str = "mIoU (%)") -> None:
    """Draw mIoU over GMACs, ± its spread; a line joins those that nothing cheaper reaches."""
    from adjustText import adjust_text

    rows = rows.dropna(subset=["gmacs", "miou"]).sort_values("gmacs")
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    x, y = rows.gmacs, 100 * rows.miou
    axes.errorbar(x, y, yerr=100 * rows.miou_std, fmt="o", capsize=3)
    is_best = y > y.cummax().shift(fill_value=-math.inf)
    axes.plot(x[is_best], y[is_best], color="0.6", zorder=1, label="nothing cheaper reaches it")
    axes.legend(loc="lower right")
    axes.margins(x=0.15, y=0.1)
    axes.set(xlabel="cost (GMACs per frame)", ylabel=title)
    axes.grid(alpha=0.3)
    names = [axes.text(*at, fontsize="small") for at in zip(x, y, rows.label, strict=True)]
    # Iterations instead of a time: the same plot on every machine.
    room = {"expand": (1.25, 1.5), "force_static": (0.3, 0.5), "iter_lim": 1000}
    adjust_text(names, x, y, ax=axes, **room, arrowprops={"arrowstyle": "-", "color": "0.7"})
    figure.savefig(path, dpi=150)
