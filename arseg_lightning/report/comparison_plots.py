"""A comparison of methods on the same frames as plots: over cost, over distance, over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from adjustText import adjust_text
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from arseg_lightning.report.comparison_table import as_numbers, values_at
from arseg_lightning.report.plots import plot_distances, plot_pareto

__all__ = ["plot_comparison"]

_CONSISTENCIES = {"vc8": "VC8 (%)", "temporal_consistency": "TC (%)", "flicker": "flicker (%)"}


def plot_comparison(records: Sequence[dict[str, Any]], path: Path) -> list[Path]:
    """Draw what is known: accuracy over cost, over distance, consistency over accuracy, times.

    Without labels, agreement with the first method stands for the accuracy.

    Args:
        records: Of each method, as :func:`arseg_lightning.bench.compare_methods` gives them.
        path: The image of accuracy over cost; the others go beside it, under longer names.

    Returns:
        The images that were written.
    """
    figures = as_numbers(records)
    title = "mIoU (%)" if "miou" in figures else f"agreement with {figures.method[0]} (mIoU, %)"
    title += f" on {figures.labels_of[0]}" if "labels_of" in figures else ""
    shown = figures.miou if "miou" in figures else figures.agreement_miou[1:]
    rows = figures[["gmacs", "miou_std"]].assign(label=figures.method, miou=shown)
    plot_pareto(rows, path, title)
    paths = {name: path.with_stem(f"{path.stem}_{name}") for name in ("consistency", "latency")}
    _plot_consistency(figures, shown, title, paths["consistency"])
    if figures.mean_ms.notna().any():
        _plot_latency(figures, paths["latency"])
    # Without keyframes, frames differ over the distance, and the method does not.
    shown_at = [0, *figures.index[1:][figures.keyframes[1:].notna()]]
    at = [
        {f"at {d}": value for d, value in enumerate(values_at(records[i], "miou"))}
        for i in shown_at
        if "miou" in records[i]["at_distances"]
    ]
    if at and max(map(len, at)) > 1:
        paths["distance"] = path.with_stem(f"{path.stem}_distance")
        lines = rows.loc[shown_at].join(pd.DataFrame(at, index=shown_at))
        plot_distances(lines, paths["distance"])
    return [path, *(each for each in paths.values() if each.exists())]


def _plot_consistency(
    figures: pd.DataFrame, accuracy: pd.Series[float], title: str, path: Path
) -> None:
    """Draw each consistency over the accuracy: an output that never changes is consistent too."""
    known = {
        name: label
        for name, label in _CONSISTENCIES.items()
        if name in figures and figures[name].notna().any()
    }
    if not known or accuracy.notna().sum() == 0:
        return
    figure = Figure(figsize=(6 * len(known), 5), layout="constrained")
    for axes, (name, label) in zip(
        figure.subplots(1, len(known), squeeze=False)[0], known.items(), strict=True
    ):
        rows = pd.DataFrame({"x": 100 * accuracy, "y": 100 * figures[name], "name": figures.method})
        _plot_named(axes, rows.dropna())
        axes.set(xlabel=title, ylabel=label)
    figure.savefig(path, dpi=150)


def _plot_named(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw named points."""
    axes.plot(rows.x, rows.y, "o")
    axes.margins(x=0.15, y=0.1)
    axes.grid(alpha=0.3)
    names = [
        axes.text(*at, fontsize="x-small") for at in zip(rows.x, rows.y, rows.name, strict=True)
    ]
    lines = {"arrowstyle": "-", "color": "0.7"}
    adjust_text(names, rows.x, rows.y, ax=axes, iter_lim=500, arrowprops=lines)


def _plot_latency(figures: pd.DataFrame, path: Path) -> None:
    """Draw the mean, the 95th percentile and the longest time of a frame."""
    rows = figures.dropna(subset=["mean_ms"])[::-1]
    figure = Figure(figsize=(8, 1 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.barh(rows.method, rows.max_ms, color="0.85", label="longest")
    axes.barh(rows.method, rows.p95_ms, color="C0", alpha=0.4, label="95 % of frames")
    axes.barh(rows.method, rows.mean_ms, color="C0", height=0.4, label="mean")
    axes.set(xlabel="from the decoded frame to its labels (ms)")
    axes.legend(loc="lower right")
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=150)
