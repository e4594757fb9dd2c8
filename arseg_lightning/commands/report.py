"""The command ``report``: tables and plots from result files."""

from __future__ import annotations

from pathlib import Path

__all__ = ["report"]


def report(
    runs: list[Path],
    out: Path = Path("report"),
    reference: str | None = None,
    baseline: str | None = None,
) -> Path:
    """Write tables and plots of what runs achieved.

    Everything comes from result files, which `test` writes to a run's folder. Runs that differ
    only in the seed become one row.

    Args:
        runs: Folders of runs, of sweeps or of anything that holds them, and result files; they come
            first and need no name: report runs/a runs/b.
        out: Folder of the report: report.md, tables as CSV, plots as PNG; and report.html, which
            shows all of it and each run, with its losses and classes, in one file.
        reference: Name of the row that the others on its data and of its network are compared with.
        baseline: Name of the row of the s x baseline.

    Returns:
        The report.
    """
    # pandas is slow to import: only commands that write tables wait for it
    from arseg_lightning.report.collect import collect
    from arseg_lightning.report.report_folder import write_report
    from arseg_lightning.report.result_tables import results_table
    from arseg_lightning.report.rows import measurements, rows_with_baselines
    from arseg_lightning.report.study import comparable, study_rows
    from arseg_lightning.report.table_files import markdown

    found = collect(runs)
    measured = measurements(found.runs)
    rows = study_rows(measured, reference, baseline)
    document = write_report(measured, comparable(rows), out, found.problems)
    print(markdown(results_table(rows_with_baselines(measured)), 2))
    for problem in found.problems:
        print(problem)
    print(f"report: {document}, {document.with_suffix('.html')}")
    return document
