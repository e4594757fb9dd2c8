"""A study: what each change does to a reference, over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arseg_lightning.report.collect import Run
from arseg_lightning.report.groups import RunGroup, spread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Study", "pooled"]


@dataclass(frozen=True, slots=True)
class Study:
    """Runs that are compared with one of them.

    The change and the recovered share are made of pooled mIoU, which stays comparable when the
    keyframe interval changes. Differences are taken between runs of the same seed where both rows
    have it, and then averaged.

    Args:
        groups: The rows.
        reference: The row that the others are compared with, if there is one.
        baseline: The row of the s x baseline, for the share of its loss that is recovered.
    """

    groups: tuple[RunGroup, ...]
    reference: RunGroup | None = None
    baseline: RunGroup | None = None

    @classmethod
    def of(
        cls,
        groups: Sequence[RunGroup],
        reference: str | None = None,
        baseline: str | None = None,
        rows: Sequence[str] = (),
    ) -> Study:
        """Put rows in order, and find two of them by their names.

        Args:
            groups: The rows.
            reference: Name of the reference.
            baseline: Name of the s x baseline; by default the one row on the reference's data
                whose method is what the reference's name ends in, such as ``0.5x`` of ``AR 0.5x``.
            rows: Names of rows in the wanted order; the others follow.

        Raises:
            ValueError: If a name is that of no row.
        """
        first = [_find(groups, name) for name in rows]
        ordered = (*first, *(group for group in groups if group not in first))
        found = _find(groups, reference) if reference else None
        if baseline:
            return cls(ordered, found, _find(groups, baseline))
        alone = [
            group
            for group in groups
            if found and _family(group) == _family(found) and _ratio(found) == group.first.own.name
        ]
        return cls(ordered, found, alone[0] if len(alone) == 1 else None)

    def of_reference(self) -> Study:
        """The rows of the reference's data and network alone."""
        family = _family(self.reference) if self.reference else None
        groups = tuple(group for group in self.groups if _family(group) == family)
        return Study(groups, self.reference, self.baseline)

    def change(self, group: RunGroup) -> pd.Series[float]:
        """Difference from the reference in pooled mIoU; without values on other data."""
        reference = self.reference
        if reference is None or group is reference or not _same_data(group, reference):
            return spread(())
        others = {run.seed: pooled(run) for run in reference.runs}
        same = [pooled(run) - others[run.seed] for run in group.runs if run.seed in others]
        means = group.spread(pooled).mean() - reference.spread(pooled).mean()
        return spread(same or [means])

    def recovered(self, group: RunGroup) -> pd.Series[float]:
        """Share of what the s x baseline loses against 1x that a row wins back.

        The baselines are those of the row's own runs; for s x, else the row of the baseline.
        """

        def share(run: Run) -> float:
            full, low = run.method("1x"), self._low(run, group)
            lost = full.accuracy.miou_pooled - low if full else math.nan
            return (pooled(run) - low) / lost if lost > 0 else math.nan

        return group.spread(share)

    def full_gmacs(self, group: RunGroup) -> float:
        """Cost of every frame at 1x, from the row's own runs or from the reference's."""
        groups = (group, self.reference) if self.reference else (group,)
        runs = (run for each in groups for run in each.runs)
        found = (method for run in runs if (method := run.method("1x")) is not None)
        return next((method.mean_gmacs for method in found), math.nan)

    def _low(self, run: Run, group: RunGroup) -> float:
        """Pooled mIoU of the s x baseline for a run; NaN if there is none."""
        ratio, baseline = _ratio(group), self.baseline
        beside = run.method(ratio)
        if beside is not None:
            return math.nan if beside is run.own else beside.accuracy.miou_pooled
        if baseline is None or not _same_data(group, baseline) or _ratio(baseline) != ratio:
            return math.nan
        same = [pooled(alone) for alone in baseline.runs if alone.seed == run.seed]
        return same[0] if same else float(baseline.spread(pooled).mean())


def pooled(run: Run) -> float:
    """MIoU of a run's own method over all frames."""
    return run.own.accuracy.miou_pooled


def _find(groups: Sequence[RunGroup], name: str) -> RunGroup:
    """Find a row by its name.

    Raises:
        ValueError: If there is none, or several.
    """
    found = [group for group in groups if group.name == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(group.name for group in groups)
    what = "no row" if not found else f"{len(found)} rows with different settings"
    raise ValueError(f"{what} of the name {name!r}; the rows are: {names}")


def _ratio(group: RunGroup) -> str:
    """The last word of the method's name: its resolution, where the method has one."""
    return group.first.own.name.rpartition(" ")[2]


def _same_data(one: RunGroup, other: RunGroup) -> bool:
    return one.first.result.tested_on == other.first.result.tested_on


def _family(group: RunGroup) -> tuple[str, str | None]:
    """Data, and the network if the configurations tell."""
    return group.first.result.tested_on, group.network
