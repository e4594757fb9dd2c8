"""A test result as text."""

from __future__ import annotations

import math

from arseg_lightning.report.grid import Table
from arseg_lightning.report.result import RunResult

__all__ = ["distance_table", "gmacs_text", "percent_text", "recovered_share", "roles_table"]
__all__ += ["share_text"]


def distance_table(result: RunResult) -> str:
    """Lay out mIoU over distance, its mean, minimum and pooled value, and cost, as Markdown.

    Methods without distances have a value for all frames only.
    """
    count = result.num_distances
    names = ("mIoU % at distance", *map(str, range(count)), "mean", "min", "pooled")
    header = (*(names if count else ("mIoU %", "pooled")), "GMACs", "cost")
    rows = []
    for method in result.methods:
        pooled = method.accuracy.miou_pooled
        if count:
            unknown = (math.nan,) * (count - len(method.at_distance))
            mean = method.accuracy.miou_mean if method.at_distance else math.nan
            values = (*method.at_distance, *unknown, mean, method.worst, pooled)
        else:
            values = (pooled,)
        cost = (gmacs_text(method.mean_gmacs), share_text(method.mean_gmacs / result.full_gmacs))
        rows.append((method.name, *map(percent_text, values), *cost))
    return Table(header, tuple(rows)).markdown()


def roles_table(result: RunResult) -> str:
    """Lay out what each method did: the share of frames that ran each role, and its cost."""
    rows = []
    for method in result.methods:
        frames = sum(trace.num_frames for trace in method.trace)
        roles = ", ".join(
            f"{name} {share_text(role.frames / frames if frames and role.frames else math.nan)}"
            f" x {gmacs_text(role.gmacs)}"
            for name, role in method.roles.items()
        )
        cost = (gmacs_text(method.mean_gmacs), share_text(method.mean_gmacs / result.full_gmacs))
        miou = percent_text(method.accuracy.miou_pooled)
        rows.append((method.name, roles, miou, *cost))
    header = ("method", "frames that ran a role x its GMACs", "mIoU %", "GMACs", "cost")
    return Table(header, tuple(rows), num_names=2).markdown()


def recovered_share(result: RunResult) -> float:
    """Share of what the s x baseline loses against 1x that the run's own method wins back.

    NaN unless the result holds exactly these three (both baselines do one thing, the same, for
    every frame), and the baseline loses something.
    """
    if [each.kind for each in result.methods] != ["baseline", "baseline", "own"]:
        return math.nan
    roles = [set(method.roles) for method in result.methods[:2]]
    if roles[0] != roles[1] or len(roles[0]) != 1:
        return math.nan
    full, low, own = (method.accuracy.miou_mean for method in result.methods)
    return (own - low) / (full - low) if full > low else math.nan


def percent_text(share: float, digits: int = 1) -> str:
    """A share in [0, 1] in percent; a dash if it is not known."""
    return "-" if math.isnan(share) else f"{100 * share:.{digits}f}"


def share_text(share: float) -> str:
    """A share in whole percent; a dash if it is not known."""
    return "-" if math.isnan(share) else f"{share:.0%}"


def gmacs_text(gmacs: float) -> str:
    """A cost, with as many digits as mean something; a dash if it is not known."""
    if math.isnan(gmacs):
        return "-"
    return f"{gmacs:.2f}" if gmacs >= 1 else f"{gmacs:.3f}"
