"""A test result as text."""

from __future__ import annotations

import math

from arseg_lightning.report.grid import Table
from arseg_lightning.report.result import RunResult

__all__ = ["distance_table", "gmacs_text", "percent_text", "recovered_share"]


def distance_table(result: RunResult) -> str:
    """Lay out mIoU over distance, its mean, minimum and pooled value, and cost, as Markdown."""
    distances = range(result.keyframe_interval)
    header = ["mIoU % at distance", *map(str, distances), "mean", "min", "pooled", "GMACs", "cost"]
    rows = []
    full = result.systems[0].mean_gmacs
    for system in result.systems:
        accuracy = system.accuracy
        values = (
            *accuracy.miou_at_distance,
            accuracy.miou_mean,
            accuracy.miou_min,
            accuracy.miou_pooled,
        )
        cost = [gmacs_text(system.mean_gmacs), f"{system.mean_gmacs / full:.0%}"]
        rows.append((system.name, *map(percent_text, values), *cost))
    return Table(tuple(header), tuple(rows)).markdown()


def recovered_share(result: RunResult) -> float:
    """Share of what the s x baseline loses against 1.0x that AR-Seg wins back.

    NaN unless the result holds exactly the three systems, and the baseline loses something.
    """
    if len(result.systems) != 3:
        return math.nan
    full, low, own = (system.accuracy.miou_mean for system in result.systems)
    return (own - low) / (full - low) if full > low else math.nan


def percent_text(share: float, digits: int = 1) -> str:
    """A share in [0, 1] in percent; a dash if it is not known."""
    return "-" if math.isnan(share) else f"{100 * share:.{digits}f}"


def gmacs_text(gmacs: float) -> str:
    """A cost, with as many digits as mean something."""
    return f"{gmacs:.2f}" if gmacs >= 1 else f"{gmacs:.3f}"
