"""Reports: tables and plots about a set of runs in one folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from arseg_lightning.files import write_atomic
from arseg_lightning.report.html_report import Shown, write_page
from arseg_lightning.report.plots import plot_distances, plot_pareto
from arseg_lightning.report.result_tables import results_table, study_table
from arseg_lightning.report.rows import rows_with_baselines
from arseg_lightning.report.table_files import markdown

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
_PLOTS = {"pareto": "Accuracy over cost", "distances": "Accuracy over distance"}


def write_report(
    measured: pd.DataFrame, study: pd.DataFrame, folder: Path, problems: Sequence[str] = ()
) -> Path:
    """Write ``report.md`` with its tables (results also as CSV) and plots; return its path.

    ``report.html`` holds the same and each run, in one file.

    Args:
        measured: Measurements of the runs.
        study: Rows that are compared with a reference; none without a reference.
        folder: Where to write; made if it is not there.
        problems: Lines about what could not be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows_with_baselines(measured)
    own = measured[measured.is_own]
    tested = {f"{run.result.tested_on}, {run.result.num_samples} frames" for run in own.run}
    title = f"Results of {len(own)} run{'s' * (len(own) != 1)}"
    parts = [f"# {title}", f"Tested on: {'; '.join(sorted(tested))}."]
    write_atomic(folder / "results.csv", results_table(rows, True).to_csv(index=False))
    num_names = 3 if rows.data.nunique() > 1 else 2
    parts += ["## Results", markdown(results_table(rows), num_names), _ABOUT_RESULTS]
    page = [Shown("Results", results_table(rows), num_names, _ABOUT_RESULTS)]
    if not study.empty:
        reference = study.row[study.is_reference].item()
        parts += [f"## Against {reference}", markdown(study_table(study)), _ABOUT_CHANGES]
        page.append(Shown(f"Against {reference}", study_table(study), about=_ABOUT_CHANGES))
    # Accuracies on different data do not belong into one plot.
    for data, alike in rows.groupby("data", sort=False):
        for name, plot in {"pareto": plot_pareto, "distances": plot_distances}.items():
            file = re.sub(r"[^\w.-]+", "_", f"{name}_{data}") + ".png"
            plot(alike, folder / file)
            parts.append(f"![{name}, {data}]({file})")
            page.append(Shown(f"{_PLOTS[name]}, {data}", folder / file))
    if problems:
        parts += ["## Left out", "\n".join(f"- {problem}" for problem in problems)]
    document = folder / "report.md"
    write_atomic(document, "\n\n".join(parts) + "\n")
    write_page(folder / "report.html", title, page, [*own.run], problems)
    return document
