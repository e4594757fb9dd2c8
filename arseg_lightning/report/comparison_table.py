"""A comparison of methods on the same frames as tables."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from arseg_lightning.report.table_files import gmacs_text, percent_text, percent_with_spread

__all__ = ["as_numbers", "classes_table", "comparison_table", "distances_table"]
__all__ += ["read_comparison", "values_at"]

_CLASS = "iou of "


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
    figures = as_numbers(records)
    columns = {"method": figures.method}
    if "labels_of" in figures:
        columns |= {"data": figures.labels_of}
    if "miou" in figures:
        columns |= {"mIoU %": percent_with_spread(figures.miou, figures.miou_std)}
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
    if "trainings" in figures and (figures.trainings > 1).any():
        columns["trainings"] = figures.trainings.map("{:.0f}".format)
    columns["keyframes"] = (figures.keyframes / figures.frames).map(percent_text)
    return pd.DataFrame(columns)


def distances_table(
    records: Sequence[dict[str, Any]], figure: str = "miou", digits: int = 1
) -> pd.DataFrame:
    """Lay out a figure, in percent, of each method at each distance to the keyframe.

    Args:
        records: As for :func:`comparison_table`.
        figure: One of ``at_distances``: ``miou``, ``pixel_accuracy``, ``frequency_weighted_iou``,
            ``temporal_consistency``, ``flicker``, or the IoU of a class, ``iou of road``.
        digits: Digits after the point.

    Raises:
        ValueError: If no method has such a figure.
    """
    known = {name for each in records for name in each["at_distances"]}
    if figure not in known:
        raise ValueError(f"no figure {figure!r}; there are {', '.join(sorted(known))}")
    rows = [
        {"method": each["method"]}
        | {str(d): percent_text(v, digits) for d, v in enumerate(values_at(each, figure))}
        for each in records
        if figure in each["at_distances"]
    ]
    return pd.DataFrame(rows).fillna("-")


def classes_table(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Lay out the IoU of each class: its mean over the distances, as that of mIoU is."""
    rows = []
    for each in records:
        names = [name for name in each["at_distances"] if name.startswith(_CLASS)]
        means = (pd.Series(values_at(each, name)).mean() for name in names)
        texts = map(percent_text, means)
        titles = (name.removeprefix(_CLASS) for name in names)
        rows.append({"method": each["method"]} | dict(zip(titles, texts, strict=True)))
    return pd.DataFrame(rows)


def values_at(record: dict[str, Any], figure: str) -> list[float]:
    """Read a figure at each distance; NaN where it is not known."""
    values = record["at_distances"][figure]
    return [math.nan if value is None else float(value) for value in values]


def as_numbers(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Lay figures out as numbers, a line a method; what is not known is NaN."""
    # A training alone has no spread, and older files know of none.
    figures = pd.DataFrame([{"miou_std": None} | record for record in records])
    numbers = figures.columns.difference(["method", "roles", "labels_of", "at_distances"])
    return figures.astype(dict.fromkeys(numbers, float))


def _change(change: float, low: float, high: float) -> str:
    """A change in points, and its interval where that is known."""
    interval = "" if math.isnan(low) else f" ({low:+.1f} to {high:+.1f})"
    return f"{change:+.1f}{interval}"
