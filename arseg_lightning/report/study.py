"""A study: what each change does to a reference, over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from arseg_lightning.report.collect import Run
from arseg_lightning.report.groups import Row, spread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Study"]


@dataclass(frozen=True, slots=True)
class Study:
    """Rows that are compared with one of them.

    The change and the recovered share are made of pooled mIoU, which stays comparable when the
    keyframe interval changes. Differences are taken between runs of the same seed where both rows
    have it, and then averaged.

    Args:
        rows: What the runs are about.
        reference: The row that the others are compared with, if there is one.
        baseline: The row of the s x baseline, for the share of its loss that is recovered.
    """

    rows: tuple[Row, ...]
    reference: Row | None = None
    baseline: Row | None = None

    @classmethod
    def of(
        cls,
        rows: Sequence[Row],
        reference: str | None = None,
        baseline: str | None = None,
        first: Sequence[str] = (),
    ) -> Study:
        """Put rows in order, and find two of them by their names.

        Args:
            rows: The rows.
            reference: Name of the reference.
            baseline: Name of the s x baseline; by default the one row of the reference's data and
                network whose method the reference's name ends in, such as ``0.5x`` of ``AR 0.5x``.
            first: Names of rows in the wanted order; the others follow.

        Raises:
            ValueError: If a name is that of no row.
        """

        def find(name: str) -> Row:
            found = [row for row in rows if row.name == name]
            if len(found) == 1:
                return found[0]
            names = ", ".join(row.name for row in rows)
            what = "no row" if not found else f"{len(found)} rows with different settings"
            raise ValueError(f"{what} of the name {name!r}; the rows are: {names}")

        start = [find(name) for name in first]
        study = cls((*start, *(row for row in rows if row not in start)))
        if reference:
            study = replace(study, reference=find(reference))
        if baseline:
            return replace(study, baseline=find(baseline))
        alone = [row for row in study.of_reference().rows if row.method == _ratio(study.reference)]
        return replace(study, baseline=alone[0] if len(alone) == 1 else None)

    def of_reference(self) -> Study:
        """The rows of the reference's data and network alone; none without a reference."""
        wanted = self.reference
        rows = (
            row
            for row in self.rows
            if wanted and (row.tested_on, row.network) == (wanted.tested_on, wanted.network)
        )
        return replace(self, rows=tuple(rows))

    def change(self, row: Row) -> pd.Series[float]:
        """Difference from the reference in pooled mIoU; without values on other data."""
        reference = self.reference
        if reference is None or row is reference or row.tested_on != reference.tested_on:
            return spread(())
        # Runs of one seed share their data's order, and mostly their luck.
        others = {run.seed: _pooled(run) for run in reference.runs}
        same = [_pooled(run) - others[run.seed] for run in row.runs if run.seed in others]
        return spread(same or [row.pooled.mean() - reference.pooled.mean()])

    def recovered(self, row: Row) -> pd.Series[float]:
        """Share of what the s x baseline loses against 1x that a row wins back.

        The baselines are those of the row's own runs; for s x, else the row of the baseline.
        """

        def share(run: Run) -> float:
            full, low = run.method("1x"), self._low(run, row)
            lost = full.accuracy.miou_pooled - low if full else math.nan
            return (_pooled(run) - low) / lost if lost > 0 else math.nan

        return spread(map(share, row.runs))

    def full_gmacs(self, row: Row) -> float:
        """Cost of every frame at 1x, from the row's own runs or from the reference's."""
        runs = (*row.runs, *(self.reference.runs if self.reference else ()))
        found = (method for run in runs if (method := run.method("1x")) is not None)
        return next((method.mean_gmacs for method in found), math.nan)

    def _low(self, run: Run, row: Row) -> float:
        """Pooled mIoU of the s x baseline for a run; NaN if there is none."""
        baseline, beside = self.baseline, run.method(_ratio(row))
        if beside is not None:  # tested in the same run
            return math.nan if beside is run.own else beside.accuracy.miou_pooled
        if baseline is None or row.tested_on != baseline.tested_on:
            return math.nan
        if _ratio(baseline) != _ratio(row):
            return math.nan
        same = [_pooled(alone) for alone in baseline.runs if alone.seed == run.seed]
        return same[0] if same else float(baseline.pooled.mean())


def _pooled(run: Run) -> float:
    return run.own.accuracy.miou_pooled


def _ratio(row: Row | None) -> str:
    """The last word of the method's name: its resolution, where the method has one."""
    return row.method.rpartition(" ")[2] if row else ""
