"""A comparison of methods on one video as a table and as a plot."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from arseg_lightning.report.table_files import gmacs_text, percent_text

__all__ = ["comparison_table", "plot_comparison"]


def comparison_table(figures: pd.DataFrame) -> pd.DataFrame:
    """Lay figures out as text.

    Args:
        figures: A line a method, with the columns of ``arseg_lightning.bench.Compared.record``.
    """
    milliseconds = {"ms": "mean_ms", "95 %": "p95_ms", "max": "max_ms"}
    return pd.DataFrame(
        {
            "method": figures.method,
            "agrees (mIoU)": figures.agreement_miou.map(percent_text),
            "agrees (pixels)": figures.agreement_pixels.map(percent_text),
            "flicker": figures.flicker.map(lambda share: percent_text(share, 2)),
            "GMACs": figures.gmacs.map(gmacs_text),
            **{title: figures[name].map("{:.1f}".format) for title, name in milliseconds.items()},
            "keyframes": (figures.keyframes / figures.frames).map(percent_text),
        }
    )


def plot_comparison(figures: pd.DataFrame, path: Path) -> None:
    """Draw agreement with the first method, and flicker, over the cost."""
    from adjustText import adjust_text

    figure = Figure(figsize=(11, 5), layout="constrained")
    plots = {"agreement_miou": "agreement with the first (mIoU, %)", "flicker": "flicker (%)"}
    for axes, (column, title) in zip(figure.subplots(1, 2), plots.items(), strict=True):
        known = figures[figures[column].notna()]
        axes.scatter(known.gmacs, 100 * known[column])
        points = zip(known.gmacs, 100 * known[column], known.method, strict=True)
        texts = [axes.text(x, y, name, fontsize="small") for x, y, name in points]
        adjust_text(texts, ax=axes)
        axes.set(xlabel="GMACs a frame", ylabel=title)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)
