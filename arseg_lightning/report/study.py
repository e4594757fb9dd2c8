"""Studies: what each change does to a reference, over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from arseg_lightning.report.rows import own_rows

__all__ = ["comparable", "study_rows"]


def study_rows(
    measured: pd.DataFrame,
    reference: str | None = None,
    baseline: str | None = None,
    first: Sequence[str] = (),
) -> pd.DataFrame:
    """Make rows of what the runs are about, and compare them with one of them.

    Change and recovered share are made of pooled mIoU, which stays comparable when the keyframe
    interval changes. ``change`` is the difference from the reference on the same data, between runs
    of the same seed where both rows have it. ``recovered`` is the share of what the s x baseline
    loses against 1x that a row wins back; 1x and s x are those of the row's own runs, for s x else
    the row of the baseline. ``cost`` is relative to every frame at 1x.

    Args:
        measured: Measurements of the runs.
        reference: Name of the reference.
        baseline: Name of the s x baseline, for runs that were not tested beside theirs.
        first: Names of rows in the wanted order; the others follow.

    Raises:
        ValueError: If a name is that of no row, or of several.
    """
    rows = own_rows(measured)

    def find(name: str) -> str:
        found = rows.index[rows.row == name]
        if len(found) == 1:
            return str(found[0])
        what = f"{len(found)} rows with different settings" if len(found) else "no row"
        raise ValueError(f"{what} of the name {name!r}; the rows are: {', '.join(rows.row)}")

    start = [find(name) for name in first]
    rows = rows.loc[[*start, *rows.index.drop(start)]]
    compared_with = find(reference) if reference else None
    rows["is_reference"] = rows.index == compared_with
    full_gmacs = measured[measured.method == "1x"].groupby("group").gmacs.first()
    full_gmacs = full_gmacs.reindex(rows.index).fillna(full_gmacs.get(compared_with, math.nan))
    rows["cost"] = rows.gmacs / full_gmacs

    own = measured[measured.is_own]
    # Runs of one seed share the order of their data, and mostly their luck.
    paired = (own.pooled - _of_same_seed(own, compared_with)).groupby(own.group)
    unpaired = rows.pooled - rows.pooled.get(compared_with, math.nan)
    on_its_data = rows.data.isin(rows.data[rows.is_reference]) & ~rows.is_reference
    rows["change"] = paired.mean().reindex(rows.index).fillna(unpaired).where(on_its_data)
    rows["change_std"] = paired.std().where(on_its_data)

    shares = _recovered(own, find(baseline) if baseline else None)
    by_row = pd.Series(shares, own.index).groupby(own.group)
    rows["recovered"], rows["recovered_std"] = by_row.mean(), by_row.std()
    return rows


def comparable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the reference's data and network alone; none without a reference."""
    wanted = rows[rows.is_reference]
    return rows[rows.data.isin(wanted.data) & rows.network.isin(wanted.network)]


def _recovered(own: pd.DataFrame, baseline: str | None) -> list[float]:
    """The recovered share of each run; NaN if a baseline is not known, or loses nothing."""
    alone = own[own.group == baseline]
    fits = own.data.isin(alone.data) & own.method.map(_ratio).isin(alone.method.map(_ratio))
    elsewhere = _of_same_seed(own, baseline).fillna(alone.pooled.mean()).where(fits)
    shares = []
    for run, pooled, low in zip(own.run, own.pooled, elsewhere, strict=True):
        full, beside = run.method("1x"), run.method(_ratio(run.own.name))
        if beside is not None:  # tested in the same run
            low = math.nan if beside is run.own else beside.accuracy.miou_pooled
        # Without a loss there is nothing to win back, and the share would be noise.
        lost = full.accuracy.miou_pooled - low if full else math.nan
        shares.append((pooled - low) / lost if lost > 0 else math.nan)
    return shares


def _of_same_seed(own: pd.DataFrame, group: str | None) -> pd.Series[float]:
    """Pooled mIoU of a group's runs that have each run's seed; NaN without such runs."""
    pooled = own[own.group == group].groupby("seed", dropna=False).pooled.mean()
    return own.seed.map(pooled)


def _ratio(method: str) -> str:
    """The last word of a method's name: its resolution, where it has one."""
    return method.rpartition(" ")[2]
