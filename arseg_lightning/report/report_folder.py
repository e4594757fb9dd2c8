"""Reports: tables, plots and notes about a set of runs in one folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from arseg_lightning.files import write_atomic
from arseg_lightning.report.plots import (
    heat_maps,
    plot_changes,
    plot_distances,
    plot_heat_map,
    plot_pareto,
)
from arseg_lightning.report.result_tables import distances_table, results_table, study_table
from arseg_lightning.report.rows import rows_with_baselines
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
    measured: pd.DataFrame, study: pd.DataFrame, folder: Path, problems: Sequence[str] = ()
) -> Path:
    """Write ``report.md`` with its tables (also as CSV) and plots, and return its path.

    Args:
        measured: Measurements of the runs.
        study: Rows that are compared with a reference; none without a reference.
        folder: Where to write; made if it is not there.
        problems: Lines about what could not be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows_with_baselines(measured)
    results = [run.result for run in measured.run[measured.is_own]]
    tested = sorted({f"{r.data}, {size_text(r.size)}, {r.num_samples} frames" for r in results})
    parts = [f"# Results of {len(results)} runs", f"Tested on: {'; '.join(tested)}."]

    def section(title: str, csv: str, table: pd.DataFrame, num_names: int = 1) -> None:
        write_table(table, folder / csv)
        parts.extend([f"## {title}", markdown(table, num_names)])

    def plots(name: str, plot: Callable[[pd.DataFrame, Path], None]) -> None:
        # Accuracies on different data do not belong into one plot.
        for data, alike in rows.groupby("data", sort=False):
            words = f"{name}_{data}" if rows.data.nunique() > 1 else name
            file = re.sub(r"[^\w.-]+", "_", words) + ".png"
            plot(alike, folder / file)
            parts.append(f"![{name}, {data}]({file})")

    section("Results", "results.csv", results_table(rows), 3 if rows.data.nunique() > 1 else 2)
    parts.append(_ABOUT_RESULTS)
    plots("pareto", plot_pareto)
    section("Over distance", "distances.csv", distances_table(rows), 2)
    plots("distances", plot_distances)
    if not study.empty:
        reference = study.row[study.is_reference].item()
        section(f"Against {reference}", "changes.csv", study_table(study))
        plot_changes(study, folder / "changes.png")
        parts += [_ABOUT_CHANGES, "![changes](changes.png)"]
    for number, (data, table) in enumerate(heat_maps(measured), 1):
        name = "heatmap.png" if number == 1 else f"heatmap_{number}.png"
        plot_heat_map(table, data, folder / name)
        parts += ["## Interval x ratio"] if number == 1 else []
        parts.append(f"![mIoU over interval and ratio]({name})")
    if problems:
        parts += ["## Left out", "\n".join(f"- {problem}" for problem in problems)]
    document = folder / "report.md"
    write_atomic(document, "\n\n".join(parts) + "\n")
    return document
