"""A study: what each change does to a reference, over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arseg_lightning.report.collect import Run
from arseg_lightning.report.groups import RunGroup, Spread
from arseg_lightning.report.recipe import Recipe

__all__ = ["Study", "pooled", "studies_of"]


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
        groups: Iterable[RunGroup],
        reference: str | None = None,
        baseline: str | None = None,
        rows: Sequence[str] = (),
    ) -> Study:
        """Put rows in order, and find two of them by their names.

        Args:
            groups: The rows.
            reference: Name of the reference; by default AR-Seg as the paper proposes it, if there
                is one such row.
            baseline: Name of the s x baseline; by default every frame at the reference's ratio,
                if there is one such row.
            rows: Names of rows in the wanted order; the others follow.

        Raises:
            ValueError: If a name is that of no row.
        """
        groups = list(groups)
        first = [_find(groups, name) for name in rows]
        ordered = (*first, *(group for group in groups if group not in first))
        found = _find(groups, reference) if reference else _proposed(groups)
        low = _find(groups, baseline) if baseline else _alone(groups, found)
        return cls(ordered, found, low)

    def change(self, group: RunGroup) -> Spread:
        """Difference from the reference in pooled mIoU; without values on other data."""
        reference = self.reference
        if reference is None or group is reference or _data(group) != _data(reference):
            return Spread.of(())
        others = {run.seed: pooled(run) for run in reference.runs}
        same = [pooled(run) - others[run.seed] for run in group.runs if run.seed in others]
        return Spread.of(same or [group.spread(pooled).mean - reference.spread(pooled).mean])

    def recovered(self, group: RunGroup) -> Spread:
        """Share of what the s x baseline loses against 1x that an AR-Seg row wins back.

        The baselines are those of the row's own runs; for s x, else the row of the baseline.
        """
        return Spread.of(self._recovered(run) for run in group.runs)

    def full_gmacs(self, group: RunGroup) -> float:
        """Cost of every frame at 1x, from the row's own runs or from the reference's."""
        groups = (group, self.reference) if self.reference else (group,)
        runs = (run for each in groups for run in each.runs)
        found = (method for run in runs if (method := run.method("1x")) is not None)
        return next((method.mean_gmacs for method in found), math.nan)

    def _recovered(self, run: Run) -> float:
        full, low = run.method("1x"), self._low(run)
        if full is None:
            return math.nan
        lost = full.accuracy.miou_pooled - low
        return (pooled(run) - low) / lost if lost > 0 else math.nan

    def _low(self, run: Run) -> float:
        """Pooled mIoU of the s x baseline for a run of AR-Seg; NaN if there is none."""
        if not run.own.name.startswith("AR "):
            return math.nan
        name = run.own.name.removeprefix("AR ")
        if (own := run.method(name)) is not None:
            return own.accuracy.miou_pooled
        other = self.baseline
        if other is None or _data(other) != (run.result.data, run.result.size):
            return math.nan
        if other.runs[0].own.name.removeprefix("AR ") != name:
            return math.nan
        same = [pooled(alone) for alone in other.runs if alone.seed == run.seed]
        return same[0] if same else other.spread(pooled).mean


def studies_of(
    groups: Sequence[RunGroup], reference: str | None = None, baseline: str | None = None
) -> list[Study]:
    """Find what can be compared: rows of one network on the same data, with a reference.

    Args:
        groups: The rows.
        reference: Name of a reference, whose network and data alone are compared; by default there
            is a study for each that has AR-Seg as the paper proposes it.
        baseline: Name of the s x baseline.

    Raises:
        ValueError: If a name is that of no row.
    """
    named = [_find(groups, name) for name in (reference, baseline) if name]
    families: dict[object, list[RunGroup]] = {}
    for group in groups:
        families.setdefault(_family(group), []).append(group)
    if named:
        families = {key: families[key] for key in families if key == _family(named[0])}
    studies = [Study.of(members, reference, baseline) for members in families.values()]
    return [study for study in studies if study.reference is not None and len(study.groups) > 1]


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


def _proposed(groups: Sequence[RunGroup]) -> RunGroup | None:
    """AR-Seg as the paper proposes it; None if there is not exactly one such row."""
    found = [g for g in groups if g.recipe is not None and g.recipe == Recipe(g.recipe.network)]
    return found[0] if len(found) == 1 else None


def _alone(groups: Sequence[RunGroup], reference: RunGroup | None) -> RunGroup | None:
    """Every frame at the reference's ratio; None if there is not exactly one such row."""
    recipe = reference.recipe if reference else None
    if reference is None or recipe is None:
        return None
    ratio, interval = recipe.resolution_ratio, recipe.keyframe_interval
    wanted = Recipe(recipe.network, "per_frame", ratio, interval)
    found = [g for g in groups if g.recipe == wanted and _data(g) == _data(reference)]
    return found[0] if len(found) == 1 else None


def _data(group: RunGroup) -> tuple[str, tuple[int, int]]:
    result = group.runs[0].result
    return (result.data, result.size)


def _family(group: RunGroup) -> tuple[object, ...]:
    """Data, and the network if the configurations tell."""
    return (*_data(group), group.recipe.network if group.recipe else None)
