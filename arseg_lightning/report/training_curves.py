"""A training as curves: losses, accuracy on the validation data, the learning rate."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from arseg_lightning.files import natural_key, replacing

__all__ = ["find_log", "plot_training"]

_PANELS = {
    "loss": r"^(train|val)/loss",
    "mIoU (%), validation": r"^val/miou$",
    "learning rate": r"^lr-",
}
"""What is drawn together, by the names of the columns."""

_WIDE_RANGE = 30.0


def find_log(run: Path) -> Path | None:
    """The newest ``metrics.csv`` in a run's folder, which Lightning's CSVLogger writes."""
    found = [path for path in run.glob("**/metrics.csv") if path.is_file()]
    return max(found, key=lambda path: natural_key(str(path)), default=None)


def plot_training(log: Path, path: Path) -> Path | None:
    """Draw the curves of a log over the optimiser's steps.

    Args:
        log: ``metrics.csv`` of a CSVLogger.
        path: The image to write.

    Returns:
        The image; None if the log holds no curve of a training.

    Raises:
        ValueError: If the file is no such log.
    """
    try:
        metrics = pd.read_csv(log)
        steps = metrics["step"]
    except (KeyError, ValueError) as error:  # pandas' own are such
        raise ValueError(f"{log} is no log of a CSVLogger: {error}") from error
    panels = {
        title: metrics.filter(regex=columns).dropna(axis="columns", how="all")
        for title, columns in _PANELS.items()
    }
    panels = {title: curves for title, curves in panels.items() if len(curves.columns)}
    if not panels:
        return None
    figure = Figure(figsize=(5 * len(panels), 3.6), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0],
                                     panels.items(), strict=True):  # fmt: skip
        _draw(axes, steps, 100 * curves if "%" in title else curves)
        axes.set(xlabel="step", ylabel=title)
    with replacing(path, durable=False) as partial:
        figure.savefig(partial, dpi=110, format="png")
    return path


def _draw(axes: Axes, steps: pd.Series[int], curves: pd.DataFrame) -> None:
    """Draw curves, each with a point where it was logged if it is short."""
    for name in curves:
        values = curves[name].dropna()
        marker = "o" if len(values) < 30 else ""
        style = "--" if str(name).startswith("val/") else "-"
        axes.plot(steps[values.index], values, f"{marker}{style}", markersize=3, label=str(name))
    known = curves.stack()
    if (known > 0).all() and known.max() > _WIDE_RANGE * known.median():
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
