"""Test results as pictures: accuracy over distance, and what each change does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib

from arseg_lightning.report.result import RunResult
from arseg_lightning.report.rows import Row
from arseg_lightning.report.study import Study

__all__ = ["plot_changes", "plot_distances", "plot_row_distances"]

_MAX_LINES = 10


def plot_distances(result: RunResult, path: Path) -> None:
    """Draw mIoU over the distance to the keyframe, a line a method.

    A method that has one value for all frames is a level line.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5), constrained_layout=True)
    for method, marker in zip(result.methods, "os^Dv*" * len(result.methods), strict=False):
        mean = 100 * method.accuracy.miou_mean
        label = f"{method.name}: {mean:.1f} % at {method.mean_gmacs:.3g} GMACs/frame"
        values = [100 * value for value in method.at_distance]
        if values:
            axes.plot(range(len(values)), values, marker=marker, label=label)
        elif not math.isnan(mean):
            axes.axhline(mean, color=f"C{result.methods.index(method)}", label=label)
    axes.set_xlabel("distance to the keyframe (frames)")
    axes.set_ylabel("mIoU (%)")
    axes.set_xticks(range(result.num_distances))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center")
    axes.set_title(
        f"{result.data}, {result.size[1]}x{result.size[0]}, L = {result.keyframe_interval}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def plot_row_distances(rows: Sequence[Row], path: Path) -> None:
    """Draw mIoU over the distance to the keyframe, a line a row and its spread as a band.

    The first lines are named; if there are many, the others are grey.

    Args:
        rows: The methods.
        path: The picture to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for i, row in enumerate(rows):
        means = [100 * spread.mean for spread in row.at_distance]
        if i >= _MAX_LINES:
            label = f"{len(rows) - _MAX_LINES} more" if i == _MAX_LINES else None
            axes.plot(means, color="0.8", zorder=0, label=label)
            continue
        (line,) = axes.plot(means, marker="os^Dv*PX<>"[i], markersize=4, label=row.label)
        spans = [100 * spread.deviation for spread in row.at_distance]
        low, high = ([m + sign * s for m, s in zip(means, spans, strict=True)] for sign in (-1, 1))
        axes.fill_between(range(len(means)), low, high, color=line.get_color(), alpha=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("distance to the keyframe (frames)")
    axes.set_ylabel("mIoU (%)")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, dpi=150)


def plot_changes(study: Study, path: Path) -> None:
    """Draw what each row changes against the reference as bars, with its spread over seeds.

    Args:
        study: The rows and their reference.
        path: The picture to write.

    Raises:
        ValueError: If the study has no reference.
    """
    from matplotlib.figure import Figure

    if study.reference is None:
        raise ValueError("bars of changes need a reference; name one of the rows")
    groups = [group for group in study.groups if group is not study.reference]
    changes = [study.change(group) for group in groups]
    height = 1.6 + 0.3 * len(groups)
    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    values = [100 * change.mean for change in changes]
    spreads = [100 * change.deviation for change in changes]  # NaN draws none
    colours = ["tab:red" if value < 0 else "tab:green" for value in values]
    axes.barh(range(len(groups)), values, xerr=spreads, color=colours, alpha=0.8, capsize=3)
    axes.set_yticks(range(len(groups)), [f"{g.name} ({g.seeds})" for g in groups])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"pooled mIoU against {study.reference.name} (points; number of seeds)")
    axes.grid(alpha=0.3, axis="x")
    figure.savefig(path, dpi=150)
