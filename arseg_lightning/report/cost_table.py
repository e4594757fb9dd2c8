"""The paper's costs next to ours, as a table with its notes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from arseg_lightning.cost import MethodCost
from arseg_lightning.report.grid import Table
from arseg_lightning.report.paper_cost import RowCost, WantedCounting

__all__ = ["cost_table", "erratum_notes", "method_cost_table"]

_NAMES: tuple[str, ...] = ("table", "data", "network", "row")
_PAPER = ("paper GFLOPs", "ours, its counting", "difference", "erratum", "corrected")
_EXACT = ("exact key", "exact non-key", "exact mean")


def cost_table(costs: Sequence[RowCost], counting: WantedCounting) -> Table:
    """Lay out the paper's printed costs, ours under its counting, and the exact ones, in GMACs.

    Args:
        costs: The rows.
        counting: Which columns to show.
    """
    numbers = _erratum_numbers(costs)
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


def erratum_notes(costs: Sequence[RowCost]) -> str:
    """Explain the errata that a table refers to by number."""
    return "\n".join(f"[{number}] {text}" for text, number in _erratum_numbers(costs).items())


def method_cost_table(costs: Mapping[str, MethodCost]) -> Table:
    """Lay out what methods cost in each of their roles and on average, in GMACs.

    Args:
        costs: By method; what the others are compared with is called ``1x``.
    """
    full = costs["1x"].mean_macs if "1x" in costs else math.nan
    header = ("method", "roles (GMACs)", "mean over", "mean", "of 1x", "saved")
    rows = []
    for name, cost in costs.items():
        roles = ", ".join(f"{role}={gmacs:.4g}" for role, gmacs in cost.role_gmacs.items())
        share = cost.mean_macs / full
        shares = ("-", "-") if math.isnan(share) else (f"{share:.1%}", f"{1 - share:.1%}")
        rows.append((name, roles, _frames(cost), f"{cost.mean_gmacs:.4g}", *shares))
    return Table(header, tuple(rows), num_names=3)


def _frames(cost: MethodCost) -> str:
    """The frames that a mean is over, and whether streams are sure to go so."""
    frames = "1 frame" if cost.frames == 1 else f"{cost.frames} frames"
    return frames if cost.repeats else f"{frames} (nominal: it depends on what frames show)"


def _paper_cells(cost: RowCost, numbers: dict[str, int]) -> list[str]:
    if cost.paper is None:
        raise ValueError(f"{cost.row.name} was not counted as the paper counts")
    erratum = cost.row.erratum
    return [
        _printed(cost),
        f"{cost.paper.mean_gmacs:.2f}",
        _percent(cost.difference),
        f"[{numbers[erratum.text]}]" if erratum else "",
        _percent(cost.residual) if erratum else "",
    ]


def _exact_cells(cost: RowCost) -> list[str]:
    if cost.exact is None:
        raise ValueError(f"{cost.row.name} was not counted exactly")
    roles = [*cost.exact.role_gmacs.values()]
    return [f"{value:.2f}" for value in (roles[0], roles[-1], cost.exact.mean_gmacs)]


def _printed(cost: RowCost) -> str:
    return "-" if cost.row.gflops is None else f"{cost.row.gflops:.2f}"


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{round(100 * share, 2) or 0:+.2f} %".replace("+0.00", "0.00")


def _erratum_numbers(costs: Sequence[RowCost]) -> dict[str, int]:
    """Number the errata in order of appearance; rows may share one."""
    texts = dict.fromkeys(cost.row.erratum.text for cost in costs if cost.row.erratum)
    return {text: number for number, text in enumerate(texts, 1)}
