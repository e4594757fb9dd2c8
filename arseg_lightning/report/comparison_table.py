"""A comparison of methods on the same frames as a table and as a plot."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from arseg_lightning.report.plots import plot_pareto
from arseg_lightning.report.table_files import gmacs_text, percent_text

__all__ = ["comparison_table", "plot_comparison", "read_comparison"]


def read_comparison(path: Path) -> list[dict[str, Any]]:
    """Read the figures of the methods from a file of the command ``compare``.

    Raises:
        ValueError: If the file is something else.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))["methods"]
        comparison_table(records)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is no result of `compare` ({error!r}); run it again") from error
    return list(records)


def comparison_table(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Lay figures out as text, with accuracies where frames had labels.

    The data have a column where labels are not the data set's own.

    Args:
        records: Of each method, as :func:`arseg_lightning.bench.compare_methods` gives them.
    """
    figures = _figures(records)
    columns = {"method": figures.method}
    if "labels_of" in figures:
        columns |= {"data": figures.labels_of}
    if "miou" in figures:
        columns |= {"mIoU %": figures.miou.map(percent_text)}
        columns |= {"worst": figures.miou_worst.map(percent_text)}
        changes = figures[["change", "change_low", "change_high"]].to_numpy()
        texts = ["-", *(_change(*change) for change in 100 * changes[1:])]
        columns |= {f"against {figures.method[0]}": pd.Series(texts)}
    else:
        columns |= {"agrees (mIoU)": figures.agreement_miou.map(percent_text)}
    columns |= {"agrees (pixels)": figures.agreement_pixels.map(percent_text)}
    shares = {"VC8 %": "vc8", "VC16 %": "vc16", "TC %": "temporal_consistency"}
    for title, name in shares.items():
        if name in figures and figures[name].notna().any():
            columns[title] = figures[name].map(percent_text)
    columns |= {
        "flicker": figures.flicker.map(lambda share: percent_text(share, 2)),
        "GMACs": figures.gmacs.map(gmacs_text),
    }
    for title, name in {"ms": "mean_ms", "95 %": "p95_ms", "max": "max_ms"}.items():
        columns[title] = figures[name].map("{:.1f}".format).where(figures[name].notna(), "-")
    for title, name in {"state MB": "state_mb", "M par.": "parameters_m"}.items():
        if name in figures:
            columns[title] = figures[name].map("{:.3g}".format)
    columns["keyframes"] = (figures.keyframes / figures.frames).map(percent_text)
    return pd.DataFrame(columns)


def plot_comparison(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw accuracy over the cost, or agreement with the first method where nothing has labels."""
    figures = _figures(records)
    title = "mIoU (%)" if "miou" in figures else f"agreement with {figures.method[0]} (mIoU, %)"
    title += f" on {figures.labels_of[0]}" if "labels_of" in figures else ""
    shown = figures.miou if "miou" in figures else figures.agreement_miou[1:]
    rows = pd.DataFrame({"label": figures.method, "gmacs": figures.gmacs, "miou": shown})
    plot_pareto(rows.assign(miou_std=math.nan), path, title)


def _figures(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A line a method; numbers that are not known are NaN."""
    figures = pd.DataFrame(records)
    numbers = figures.columns.difference(["method", "roles", "labels_of"])
    return figures.astype(dict.fromkeys(numbers, float))


def _change(change: float, low: float, high: float) -> str:
    """A change in points, and its interval where that is known."""
    interval = "" if math.isnan(low) else f" ({low:+.1f} to {high:+.1f})"
    return f"{change:+.1f}{interval}"
