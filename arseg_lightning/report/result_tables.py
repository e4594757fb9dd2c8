"""Results as tables: of one test, of many runs, and of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from arseg_lightning.report.groups import Row
from arseg_lightning.report.result import RunResult
from arseg_lightning.report.study import Study
from arseg_lightning.report.table_files import (
    gmacs_text,
    markdown,
    percent_text,
    percent_with_spread,
    share_text,
)

__all__ = ["distance_table", "distances_table", "recovered_share", "results_table", "roles_table"]
__all__ += ["study_table"]


def distance_table(result: RunResult) -> str:
    """Lay out mIoU over distance, its mean, minimum and pooled value, and cost, as Markdown.

    Methods without distances have a value for all frames only.
    """
    count = max(len(method.at_distance) for method in result.methods)
    names = ("mIoU % at distance", *map(str, range(count)), "mean", "min", "pooled")
    rows = []
    for method in result.methods:
        accuracy = method.accuracy
        values = [accuracy.miou_pooled]
        if count:
            unknown = [math.nan] * (count - len(method.at_distance))
            mean = accuracy.miou_mean if method.at_distance else math.nan
            values = [*method.at_distance, *unknown, mean, method.worst, *values]
        cost = (gmacs_text(method.mean_gmacs), share_text(method.mean_gmacs / result.full_gmacs))
        rows.append((method.name, *map(percent_text, values), *cost))
    columns = (*(names if count else ("mIoU %", "pooled")), "GMACs", "cost")
    return markdown(pd.DataFrame(rows, columns=columns))


def roles_table(result: RunResult) -> str:
    """Lay out what each method did: the share of frames that ran each role, and its cost."""
    rows = []
    for method in result.methods:
        frames = sum(trace.num_frames for trace in method.trace)
        shares = {
            name: role.frames / frames if frames and role.frames else math.nan
            for name, role in method.roles.items()
        }
        rows.append(
            {
                "method": method.name,
                "frames that ran a role x its GMACs": ", ".join(
                    f"{name} {share_text(shares[name])} x {gmacs_text(role.gmacs)}"
                    for name, role in method.roles.items()
                ),
                "mIoU %": percent_text(method.accuracy.miou_pooled),
                "GMACs": gmacs_text(method.mean_gmacs),
                "cost": share_text(method.mean_gmacs / result.full_gmacs),
            }
        )
    return markdown(pd.DataFrame(rows), num_names=2)


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


def results_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Lay out accuracy and cost of every method.

    Accuracies are means over seeds with their standard deviation behind ±. Costs are relative to
    every frame at 1x by the row's own network, if that is a row too. Rows from different data name
    them.
    """
    full = {(row.network, row.tested_on): row.gmacs for row in reversed(rows) if row.method == "1x"}
    table = pd.DataFrame(
        {
            "run": row.name if row.is_own else "",
            "data": row.tested_on,
            "method": row.method,
            "mIoU %": percent_with_spread(row.miou),
            "worst": percent_text(row.spread(lambda method: method.worst).mean()),
            "pooled": percent_text(row.pooled.mean()),
            "GMACs": gmacs_text(row.gmacs),
            "cost": share_text(row.gmacs / full.get((row.network, row.tested_on), math.nan)),
            "seeds": str(row.seeds)
            if row.seeds == len(row.measured)
            else f"{row.seeds} ({len(row.measured)})",
        }
        for row in rows
    )
    return table if table.data.nunique() > 1 else table.drop(columns="data")


def distances_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Lay out mIoU (in percent, the mean over seeds) over the distance to the keyframe."""
    cells = [
        {str(d): percent_text(values.mean()) for d, values in enumerate(row.at_distance)}
        for row in rows
    ]
    count = max(map(len, cells))
    table = pd.DataFrame(cells, columns=[str(distance) for distance in range(count)]).fillna("-")
    table.insert(0, "run", [row.name if row.is_own else "" for row in rows])
    table.insert(1, "method", [row.method for row in rows])
    return table


def study_table(study: Study) -> pd.DataFrame:
    """Lay out accuracy, change, cost and seeds of each row.

    mIoU is the mean over distances, worst the worst distance; the change (in points) and the
    recovered share are those of :class:`Study`; cost is relative to every frame at 1x. Behind ±
    stands the standard deviation over seeds.
    """
    return pd.DataFrame(
        {
            "row": row.name,
            "mIoU %": percent_with_spread(row.miou),
            "pooled": percent_text(row.pooled.mean()),
            "change": "reference"
            if row is study.reference
            else percent_with_spread(study.change(row), sign="+"),
            "recovered": percent_with_spread(study.recovered(row), 0, unit="%"),
            "worst": percent_text(row.spread(lambda method: method.worst).mean()),
            "GMACs": gmacs_text(row.gmacs),
            "cost": share_text(row.gmacs / study.full_gmacs(row)),
            "seeds": str(row.seeds),
        }
        for row in study.rows
    )
