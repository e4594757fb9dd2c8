"""Draws the executed share of a stream's frames, from the ``frames.csv`` of ``predict``.

python -m experiments.study.shares OUT.png NAME=out/frames.csv NAME=other/frames.csv
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

__all__ = ["draw"]

_WINDOW = 15
"""Frames that are averaged."""


def draw(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw the share of each frame as a point, and the running mean as a line.

    Args:
        tables: By name, the lines of a ``frames.csv``.
        path: The image to write.
    """
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    for index, (name, table) in enumerate(tables.items()):
        share = 100 * table.executed
        mean = share.rolling(_WINDOW, min_periods=1, center=True).mean()
        axes.plot(table.frame, share, f"C{index}.", markersize=2, alpha=0.4)
        axes.plot(table.frame, mean, f"C{index}-", label=f"{name}: {share[1:].mean():.0f} %")
    axes.set(xlabel="frame", ylabel="executed share of the network (%)", ylim=(0, 102))
    axes.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    out, *named = sys.argv[1:]
    found = (entry.partition("=") for entry in named)
    draw({name: pd.read_csv(file) for name, _, file in found}, Path(out))
