"""The command ``report``: tables and pictures from result files."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.report.collect import collect
from arseg_lightning.report.folder import write_report
from arseg_lightning.report.groups import group_runs
from arseg_lightning.report.results_table import comparison_notes, results_table
from arseg_lightning.report.rows import rows_of
from arseg_lightning.report.study import studies_of

__all__ = ["report"]


def report(
    runs: list[Path],
    out: Path = Path("report"),
    groups: list[str] | None = None,
    reference: str | None = None,
    baseline: str | None = None,
) -> Path:
    """Write tables and pictures of what runs achieved, next to the paper's figures.

    Everything comes from result files, which `test` writes to a run's folder. Runs that differ
    only in the seed become one row.

    Args:
        runs: Folders of runs, of sweeps or of anything that holds them, and result files; they come
            first and need no name: report runs/a runs/b.
        out: Folder of the report: report.md, tables as CSV, pictures as PNG.
        groups: Keys of the configuration: runs with the same values become one row, whatever else
            they differ in: --group data.keyframe_interval --group model.resolution_ratio.
        reference: Name of the row that the others are compared with; AR-Seg as the paper proposes
            it by default.
        baseline: Name of the row of the s x baseline.

    Returns:
        The report.

    Raises:
        FileNotFoundError: If there is no result.
        ValueError: If a key or a row does not exist.
    """
    found = collect(runs)
    rows = group_runs(found.runs, groups or ())
    studies = studies_of(rows, reference, baseline)
    document = write_report(rows, studies, out, found.problems)
    shown = rows_of(rows)
    print(f"{results_table(shown).markdown()}\n{comparison_notes(shown)}".rstrip())
    for problem in found.problems:
        print(problem)
    if len(rows) > 1 and not studies:
        print("no table of changes: name the row that the others are compared with, --reference")
    print(f"report: {document}")
    return document
