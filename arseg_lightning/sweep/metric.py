"""What a run achieved, from its own logs."""

from __future__ import annotations

import csv
from pathlib import Path

__all__ = ["logged_metric"]


def logged_metric(run_dir: Path, name: str) -> float | None:
    """The last value of a metric in the CSV logs of a run, None if they do not hold it.

    Args:
        run_dir: Folder of the run.
        name: Such as ``val/miou``.
    """
    logs = sorted(run_dir.rglob("metrics.csv"), key=lambda path: path.stat().st_mtime_ns)
    for path in reversed(logs):
        with path.open(encoding="utf-8", newline="") as file:
            values = [row[name] for row in csv.DictReader(file) if row.get(name)]
        if values:
            return float(values[-1])
    return None
