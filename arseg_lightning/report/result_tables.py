"""Results as tables: of one test, of many runs, and of a study."""

from __future__ import annotations

import math

import pandas as pd

from arseg_lightning.report.result import RunResult
from arseg_lightning.report.rows import DISTANCE, result_rows
from arseg_lightning.report.table_files import (
    gmacs_text,
    markdown,
    percent_text,
    percent_with_spread,
    share_text,
)

__all__ = ["class_figures", "distance_figures", "distance_table", "results_table"]
__all__ += ["roles_figures", "roles_table", "study_table"]


def distance_table(result: RunResult) -> str:
    """Lay :func:`distance_figures` out as Markdown."""
    return markdown(distance_figures(result))


def distance_figures(result: RunResult) -> pd.DataFrame:
    """Lay out mIoU over distance, its mean, minimum and pooled value, and cost.

    Methods without distances have a value for all frames only.
    """
    rows = result_rows(result)
    distances = rows.filter(regex=DISTANCE)
    shown = distances.copy()
    if not distances.empty:
        # One value for all frames is no mean over distances.
        shown["mean"] = rows.miou.where(distances.notna().any(axis="columns"))
        shown["min"] = rows.worst
    shown["pooled"] = rows.pooled
    table = shown.map(percent_text).rename(columns=lambda name: name.removeprefix("at "))
    table.insert(0, "mIoU % at distance" if not distances.empty else "mIoU %", rows.method)
    table["GMACs"] = rows.gmacs.map(gmacs_text)
    table["cost"] = (rows.gmacs / result.full_gmacs).map(share_text)
    return table


def class_figures(result: RunResult) -> pd.DataFrame:
    """Lay out the IoU of each class, in percent and over all distances, by each method."""
    columns = {
        method.name: [percent_text(share) for share in method.accuracy.iou_per_class]
        for method in result.methods
        if method.accuracy.iou_per_class
    }
    return pd.DataFrame({"IoU %": list(result.class_names)} | columns)


def roles_table(result: RunResult) -> str:
    """Lay :func:`roles_figures` out as Markdown."""
    return markdown(roles_figures(result), num_names=2)


def roles_figures(result: RunResult) -> pd.DataFrame:
    """Lay out what each method did: the share of frames that ran each role, and its cost."""
    rows = []
    for method in result.methods:
        frames = method.num_frames
        roles = []
        for name, role in method.roles.items():
            share = role.frames / frames if frames and role.frames else math.nan
            roles.append(f"{name} {share_text(share)} x {gmacs_text(role.gmacs)}")
        rows.append(
            {
                "method": method.name,
                "frames that ran a role x its GMACs": ", ".join(roles),
                "mIoU %": percent_text(method.accuracy.miou_pooled),
                "GMACs": gmacs_text(method.mean_gmacs),
                "cost": share_text(method.mean_gmacs / result.full_gmacs),
            }
        )
    return pd.DataFrame(rows)


def results_table(rows: pd.DataFrame, with_distances: bool = False) -> pd.DataFrame:
    """Lay out accuracy and cost of every method.

    Accuracies are means over seeds ± their standard deviation. Costs are relative to every frame at
    1x by the row's own network, if that is a row too. Rows from different data name them.

    Args:
        rows: The rows.
        with_distances: Whether mIoU at each distance to the keyframe follows.
    """
    # A network's own cost at 1x: shares of another network's would say nothing.
    at_full = rows.gmacs.where(rows.method == "1x")
    cost = rows.gmacs / at_full.groupby([rows.network, rows.data]).transform("first")
    seeds, measured = rows.seeds.astype(str), rows.measured.astype(str)
    table = pd.DataFrame(
        {
            "run": rows.row.where(rows.is_own, ""),
            "data": rows.data,
            "method": rows.method,
            "mIoU %": percent_with_spread(rows.miou, rows.miou_std),
            "worst": rows.worst.map(percent_text),
            "pooled": rows.pooled.map(percent_text),
            "GMACs": rows.gmacs.map(gmacs_text),
            "cost": cost.map(share_text),
            "seeds": seeds.where(rows.seeds == rows.measured, seeds + " (" + measured + ")"),
        }
    )
    table = table if table.data.nunique() > 1 else table.drop(columns="data")
    return table.join(rows.filter(regex=DISTANCE).map(percent_text)) if with_distances else table


def study_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Lay out accuracy, change, cost and seeds of each row of a study.

    mIoU is the mean over distances, worst the worst distance, ± the standard deviation over seeds;
    the change (in points), the recovered share and the cost are those of
    :func:`arseg_lightning.report.study.study_rows`.
    """
    change = percent_with_spread(rows.change, rows.change_std, sign="+")
    return pd.DataFrame(
        {
            "row": rows.row,
            "mIoU %": percent_with_spread(rows.miou, rows.miou_std),
            "pooled": rows.pooled.map(percent_text),
            "change": change.mask(rows.is_reference, "reference"),
            "recovered": percent_with_spread(rows.recovered, rows.recovered_std, 0, unit="%"),
            "worst": rows.worst.map(percent_text),
            "GMACs": rows.gmacs.map(gmacs_text),
            "cost": rows.cost.map(share_text),
            "seeds": rows.seeds.astype(str),
        }
    )
