"""The paper's costs next to ours, as a table with its notes."""

from __future__ import annotations

from collections.abc import Sequence

from arseg_lightning.cost import GopCost
from arseg_lightning.report.grid import Table
from arseg_lightning.report.paper_cost import RowCost, WantedCounting

__all__ = ["cost_table", "slip_notes", "system_cost_table"]

_NAMES: tuple[str, ...] = ("table", "data", "network", "row")
_PAPER = ("paper GFLOPs", "ours, its counting", "difference", "slip", "with the slip")
_EXACT = ("exact key", "exact non-key", "exact mean")


def cost_table(costs: Sequence[RowCost], counting: WantedCounting) -> Table:
    """Lay out the paper's printed costs, ours under its counting, and the exact ones, in GMACs.

    Args:
        costs: The rows.
        counting: Which columns to show.
    """
    numbers = _slip_numbers(costs)
    header = _NAMES
    rows = []
    for cost in costs:
        row = cost.row
        cells = [row.table, row.data, row.recipe.network, row.name]
        cells += _paper_cells(cost, numbers) if counting != "exact" else [_printed(cost)]
        if counting != "paper":
            cells += _exact_cells(cost)
        rows.append(tuple(cells))
    header += _PAPER if counting != "exact" else _PAPER[:1]
    header += _EXACT if counting != "paper" else ()
    return Table(header, tuple(rows), num_names=len(_NAMES))


def slip_notes(costs: Sequence[RowCost]) -> str:
    """Explain the slips that a table refers to by number."""
    return "\n".join(f"[{number}] {text}" for text, number in _slip_numbers(costs).items())


def system_cost_table(costs: dict[str, dict[str, GopCost]]) -> Table:
    """Lay out what the systems of an experiment cost.

    Args:
        costs: By system and by way of counting. The first system is what the others are
            compared with.
    """
    full = next(iter(costs.values()), {})
    rows = tuple(
        (name, way, *_system_cells(cost, cost.mean_macs / full[way].mean_macs))
        for name, counted in costs.items()
        for way, cost in counted.items()
    )
    header = ("system", "counting", "keyframe GMACs", "other frame", "mean", "of 1x", "saved")
    return Table(header, rows, num_names=2)


def _paper_cells(cost: RowCost, numbers: dict[str, int]) -> list[str]:
    if cost.paper is None:
        raise ValueError(f"{cost.row.name} was not counted as the paper counts")
    slip = cost.row.slip
    return [
        _printed(cost),
        f"{cost.paper.mean_gmacs:.2f}",
        _percent(cost.difference),
        f"[{numbers[slip.text]}]" if slip else "",
        _percent(cost.unexplained) if slip else "",
    ]


def _exact_cells(cost: RowCost) -> list[str]:
    if cost.exact is None:
        raise ValueError(f"{cost.row.name} was not counted exactly")
    exact = cost.exact
    return [f"{value:.2f}" for value in (exact.key_gmacs, exact.nonkey_gmacs, exact.mean_gmacs)]


def _system_cells(cost: GopCost, share: float) -> tuple[str, ...]:
    gmacs = (cost.key_gmacs, cost.nonkey_gmacs, cost.mean_gmacs)
    return (*(f"{value:.4g}" for value in gmacs), f"{share:.1%}", f"{1 - share:.1%}")


def _printed(cost: RowCost) -> str:
    return "-" if cost.row.gflops is None else f"{cost.row.gflops:.2f}"


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{round(100 * share, 2) or 0:+.2f} %".replace("+0.00", "0.00")


def _slip_numbers(costs: Sequence[RowCost]) -> dict[str, int]:
    """Number the slips in order of appearance; rows may share one."""
    texts = dict.fromkeys(cost.row.slip.text for cost in costs if cost.row.slip)
    return {text: number for number, text in enumerate(texts, 1)}
