"""A report: tables, plots and notes about a set of runs in one folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from arseg_lightning.files import write_atomic
from arseg_lightning.report.groups import Row, with_baselines
from arseg_lightning.report.plots import (
    heat_maps,
    plot_changes,
    plot_heat_map,
    plot_pareto,
    plot_row_distances,
)
from arseg_lightning.report.result_tables import distances_table, results_table, study_table
from arseg_lightning.report.study import Study
from arseg_lightning.report.table_files import markdown, write_table
from arseg_lightning.types import size_text

__all__ = ["write_report"]

_ABOUT_RESULTS = (
    "mIoU is the mean over the distances to the keyframe, ± the standard deviation over seeds; "
    "worst is the worst distance; pooled is one confusion matrix over all frames. GMACs are 1e9 "
    "multiply-accumulates a frame, on average over the keyframe interval."
)
_ABOUT_CHANGES = (
    "Change is the difference from the reference in pooled mIoU, in points, between runs of the "
    "same seed. Recovered is the share of what the s x baseline loses against 1x that is won back."
)


def write_report(
    own: Sequence[Row], study: Study, folder: Path, problems: Sequence[str] = ()
) -> Path:
    """Write ``report.md`` with its tables (also as CSV) and plots.

    Args:
        own: What the runs are about.
        study: Those of them that are compared with a reference, if there is one.
        folder: Where to write; made if it is not there.
        problems: What could not be read, for the report to say.

    Returns:
        The Markdown file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, results = with_baselines(own), [run.result for row in own for run in row.runs]
    tested = sorted({f"{r.data}, {size_text(r.size)}, {r.num_samples} frames" for r in results})
    parts = [f"# Results of {len(results)} runs", f"Tested on: {'; '.join(tested)}."]
    names = 3 if len({row.tested_on for row in rows}) > 1 else 2
    parts += _section("Results", folder / "results.csv", results_table(rows), names)
    parts += [_ABOUT_RESULTS, *_plots(rows, folder, "pareto", plot_pareto)]
    parts += _section("Over distance", folder / "distances.csv", distances_table(rows), 2)
    parts += _plots(rows, folder, "distances", plot_row_distances)
    if study.reference is not None:
        title = f"Against {study.reference.name}"
        parts += _section(title, folder / "changes.csv", study_table(study))
        plot_changes(study, folder / "changes.png")
        parts += [_ABOUT_CHANGES, "![changes](changes.png)"]
    for number, (data, table) in enumerate(heat_maps(own), 1):
        name = "heatmap.png" if number == 1 else f"heatmap_{number}.png"
        plot_heat_map(table, data, folder / name)
        parts += ["## Interval x ratio"] if number == 1 else []
        parts.append(f"![mIoU over interval and ratio]({name})")
    if problems:
        parts += ["## Left out", "\n".join(f"- {problem}" for problem in problems)]
    document = folder / "report.md"
    write_atomic(document, "\n\n".join(parts) + "\n")
    return document


def _section(title: str, csv: Path, table: pd.DataFrame, num_names: int = 1) -> list[str]:
    """A table in the report, and as CSV beside it."""
    write_table(table, csv)
    return [f"## {title}", markdown(table, num_names)]


def _plots(
    rows: Sequence[Row], folder: Path, name: str, plot: Callable[[Sequence[Row], Path], None]
) -> list[str]:
    """One plot for each data set: accuracies on different ones do not belong together."""
    tested = list(dict.fromkeys(row.tested_on for row in rows))
    parts = []
    for data in tested:
        words = f"{name}_{data}" if len(tested) > 1 else name
        file = re.sub(r"[^\w.-]+", "_", words) + ".png"
        plot([row for row in rows if row.tested_on == data], folder / file)
        parts.append(f"![{name}, {data}]({file})")
    return parts
