"""A study as a table, beside what the same changes did in the paper."""

from __future__ import annotations

from arseg_lightning.report.comparison import paper_change
from arseg_lightning.report.grid import Table
from arseg_lightning.report.groups import RunGroup, Spread
from arseg_lightning.report.results_table import percent_with_spread
from arseg_lightning.report.study import Study, pooled
from arseg_lightning.report.table import gmacs_text, percent_text, share_text

__all__ = ["study_table"]

_HEADER = (
    *("row", "mIoU %", "pooled", "change", "recovered", "worst", "GMACs", "cost", "seeds"),
    "paper's change",
)


def study_table(study: Study) -> Table:
    """Lay out accuracy, change, cost and seeds of each row.

    mIoU is the mean over distances, worst the worst distance; the change (in points) and the
    recovered share are those of :class:`Study`; cost is relative to every frame at 1x. Behind ±
    stands the standard deviation over seeds. The paper's change is that of its mIoU between the
    same two recipes; in brackets the network, if it has them for another one only.
    """
    return Table(_HEADER, tuple(_cells(study, group) for group in study.groups))


def _cells(study: Study, group: RunGroup) -> tuple[str, ...]:
    gmacs = group.spread(lambda run: run.own.mean_gmacs).mean
    cost = gmacs / study.full_gmacs(group)
    return (
        group.name,
        percent_with_spread(group.spread(lambda run: run.own.accuracy.miou_mean)),
        percent_text(group.spread(pooled).mean),
        "reference" if group is study.reference else _points(study.change(group)),
        _share(study.recovered(group)),
        percent_text(group.spread(lambda run: run.own.worst).mean),
        gmacs_text(gmacs),
        share_text(cost),
        str(group.seeds),
        _paper(study, group),
    )


def _points(spread: Spread) -> str:
    """A difference of shares in points, with its sign and its spread."""
    if not spread.count:
        return "-"
    text = _signed(100 * spread.mean)
    return text if spread.count < 2 else f"{text} ± {100 * spread.deviation:.1f}"


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"  # + 0.0 makes -0.0 positive


def _share(spread: Spread) -> str:
    """A share in percent, with its spread."""
    if not spread.count:
        return "-"
    text = f"{spread.mean:.0%}"
    return text if spread.count < 2 else f"{text} ± {spread.deviation:.0%}"


def _paper(study: Study, group: RunGroup) -> str:
    """What the paper says of the change from the reference to a row."""
    reference = study.reference.recipe if study.reference else None
    recipe = group.recipe
    if recipe is None or reference is None or recipe.network != reference.network:
        return ""
    change = paper_change(recipe, reference)
    if change is None:
        return ""
    other = "" if change.network == recipe.network else f" ({change.network})"
    return f"{_signed(change.points)}{other}"
