"""A report: tables, pictures and notes about a set of runs in one folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from arseg_lightning.files import write_atomic
from arseg_lightning.report.grid import Table
from arseg_lightning.report.groups import RunGroup
from arseg_lightning.report.heatmap import heat_maps, plot_heat_map
from arseg_lightning.report.pareto import plot_pareto
from arseg_lightning.report.plot import plot_changes, plot_row_distances
from arseg_lightning.report.results_table import (
    comparison_notes,
    distances_table,
    results_table,
)
from arseg_lightning.report.rows import Row, rows_of
from arseg_lightning.report.study import Study
from arseg_lightning.report.study_table import study_table
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
    groups: Sequence[RunGroup],
    studies: Sequence[Study],
    folder: Path,
    problems: Sequence[str] = (),
) -> Path:
    """Write ``report.md`` with its tables (also as CSV) and pictures.

    Args:
        groups: The runs.
        studies: Those of them that are compared with a reference.
        folder: Where to write; made if it is not there.
        problems: What could not be read, for the report to say.

    Returns:
        The Markdown file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows_of(groups)
    parts = [f"# Results of {sum(len(group.runs) for group in groups)} runs", _about(groups)]
    parts += _section("Results", folder / "results.csv", results_table(rows))
    parts += [comparison_notes(rows), _ABOUT_RESULTS]
    parts += _pictures(rows, folder, "pareto", plot_pareto)
    parts += _section("Over distance", folder / "distances.csv", distances_table(rows))
    parts += _pictures(rows, folder, "distances", plot_row_distances)
    for study in studies:
        parts += _changes(study, folder, len(studies) > 1)
    parts += _heat_maps(groups, folder)
    if problems:
        parts += ["## Left out", "\n".join(f"- {problem}" for problem in problems)]
    document = folder / "report.md"
    write_atomic(document, "\n\n".join(part for part in parts if part) + "\n")
    return document


def _about(groups: Sequence[RunGroup]) -> str:
    """Which data the figures are from."""
    results = [run.result for group in groups for run in group.runs]
    tested = sorted({f"{r.data}, {size_text(r.size)}, {r.num_samples} frames" for r in results})
    return f"Tested on: {'; '.join(tested)}."


def _section(title: str, csv: Path, table: Table) -> list[str]:
    """A table in the report, and as CSV beside it."""
    table.write(csv)
    return [f"## {title}", table.markdown()]


def _pictures(
    rows: Sequence[Row], folder: Path, name: str, plot: Callable[[Sequence[Row], Path], None]
) -> list[str]:
    """One picture for each data set: accuracies on different ones do not belong together."""
    tested = list(dict.fromkeys(row.data for row in rows))
    parts = []
    for data in tested:
        file = f"{_file_name(name, data)}.png" if len(tested) > 1 else f"{name}.png"
        plot([row for row in rows if row.data == data], folder / file)
        parts.append(f"![{name}, {data}]({file})")
    return parts


def _changes(study: Study, folder: Path, is_one_of_many: bool) -> list[str]:
    """What each row changes against the reference, as a table and as bars."""
    if study.reference is None:
        return []
    name = _file_name("changes", study.reference.name) if is_one_of_many else "changes"
    title = f"Against {study.reference.name}"
    parts = _section(title, folder / f"{name}.csv", study_table(study))
    plot_changes(study, folder / f"{name}.png")
    return [*parts, _ABOUT_CHANGES, f"![changes]({name}.png)"]


def _heat_maps(groups: Sequence[RunGroup], folder: Path) -> list[str]:
    parts = []
    for number, grid in enumerate(heat_maps(groups), 1):
        name = "heatmap.png" if number == 1 else f"heatmap_{number}.png"
        plot_heat_map(grid, folder / name)
        parts.append(f"![mIoU over interval and ratio]({name})")
    return ["## Interval x ratio", *parts] if parts else []


def _file_name(*parts: str) -> str:
    return "_".join(re.sub(r"[^\w.-]+", "_", part) for part in parts)
