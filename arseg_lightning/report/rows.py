"""The methods of many runs as rows of one table, baselines once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from arseg_lightning.report.comparison import Comparison, compare
from arseg_lightning.report.groups import RunGroup, Spread
from arseg_lightning.report.recipe import recipe_of
from arseg_lightning.report.result import MethodResult
from arseg_lightning.types import size_text

__all__ = ["Row", "rows_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """One method with all its measurements.

    Args:
        run: Name of the runs it is from.
        name: The method's name.
        data: What it was tested on.
        measured: One entry a run; of a baseline, one a different measurement.
        seeds: Number of different seeds.
        network: Name of its network; None if the configuration does not tell.
        comparison: The paper's row, if it is one.
        is_own: Whether the runs are about this method.
    """

    run: str
    name: str
    data: str
    measured: tuple[MethodResult, ...]
    seeds: int
    network: str | None
    comparison: Comparison | None
    is_own: bool

    @property
    def label(self) -> str:
        """A name for legends: the run's if it is about this method, or else the method's."""
        return self.run if self.is_own else self.name

    @property
    def gmacs(self) -> float:
        """Cost per frame."""
        return self.spread(lambda method: method.mean_gmacs).mean

    @property
    def miou(self) -> Spread:
        """Mean over distances, in [0, 1]."""
        return self.spread(lambda method: method.accuracy.miou_mean)

    @property
    def at_distance(self) -> tuple[Spread, ...]:
        """MIoU at each distance; empty for a method that has one value for all frames."""
        count = max(len(method.at_distance) for method in self.measured)
        return tuple(self.spread(_at(distance)) for distance in range(count))

    def spread(self, figure: Callable[[MethodResult], float]) -> Spread:
        """Mean and spread of a figure of the method."""
        return Spread.of(figure(method) for method in self.measured)


def rows_of(groups: Sequence[RunGroup]) -> list[Row]:
    """List what the runs are about, and before it the baselines that they were compared with.

    A baseline that several runs have from the same weights is listed once: its figures are equal
    to the last digit.

    Args:
        groups: The runs.
    """
    own = [_row(group, group.runs[0].own.name) for group in groups]
    baselines: list[Row] = []
    for group in groups:
        for name in [method.name for method in group.runs[0].result.methods[:-1]]:
            row = _row(group, name)
            if not any(_holds(other, row) for other in (*own, *baselines)):
                baselines = [other for other in baselines if not _holds(row, other)] + [row]
    return [*sorted(baselines, key=lambda row: -row.gmacs), *own]


def _row(group: RunGroup, name: str) -> Row:
    is_own = name == group.runs[0].own.name
    found = [method for run in group.runs if (method := run.method(name)) is not None]
    different = {_figures(method): method for method in found}  # runs may share a baseline
    measured = tuple(found if is_own else different.values())
    seeds = group.seeds if is_own else len(measured)
    result = group.runs[0].result
    data = f"{result.data} {size_text(result.size)}"
    recipe = recipe_of(result, name)
    network = recipe.network if recipe else None
    return Row(group.name, name, data, measured, seeds, network, compare(result, name), is_own)


def _holds(row: Row, other: Row) -> bool:
    """Whether one row has all measurements of another of the same name."""
    mine, others = ({_figures(method) for method in each.measured} for each in (row, other))
    return row.name == other.name and others <= mine


def _figures(method: MethodResult) -> str:
    """What two measurements by the same weights share, whatever the keyframe interval."""
    return f"{method.mean_gmacs:.6f} {method.accuracy.miou_pooled:.6f}"


def _at(distance: int) -> Callable[[MethodResult], float]:
    def figure(method: MethodResult) -> float:
        values = method.at_distance
        return values[distance] if distance < len(values) else math.nan

    return figure
