"""The results of many runs next to the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from arseg_lightning.report.grid import Table
from arseg_lightning.report.groups import Spread
from arseg_lightning.report.rows import Row
from arseg_lightning.report.table import gmacs_text, percent_text, share_text

__all__ = ["comparison_notes", "distances_table", "percent_with_spread", "results_table"]

_HEADER = (
    *("run", "method", "mIoU %", "worst", "pooled", "GMACs", "cost", "seeds"),
    *("paper's row", "paper's mIoU %", "difference"),
)


def results_table(rows: Sequence[Row]) -> Table:
    """Lay out accuracy and cost of every method, and the paper's figure where it has one.

    Accuracies are means over seeds with their standard deviation behind ±. The difference is in
    points; where the accuracies may not be compared, a number refers to the reason in
    :func:`comparison_notes`. Costs are relative to every frame at 1x by the row's own network. Rows
    from different data name them.
    """
    numbers = _note_numbers(rows)
    cells = [_cells(row, _full_gmacs(row, rows), numbers) for row in rows]
    if len({row.data for row in rows}) == 1:
        return Table(_HEADER, tuple(cells), num_names=2)
    with_data = [(line[0], row.data, *line[1:]) for row, line in zip(rows, cells, strict=True)]
    return Table((_HEADER[0], "data", *_HEADER[1:]), tuple(with_data), num_names=3)


def comparison_notes(rows: Sequence[Row]) -> str:
    """Say why some accuracies may not be compared with the paper's, and what is uncertain."""
    numbers = _note_numbers(rows)
    lines = [f"[{number}] not comparable: {text}" for text, number in numbers.items()]
    if any(row.comparison and row.comparison.row.unreliable for row in rows):
        lines.append("(?) the paper's figure could not be read with certainty")
    if any(row.comparison for row in rows):
        lines.append("The paper's figures are quoted (Hu et al., CVPR 2023), not measured here.")
    return "\n".join(lines)


def distances_table(rows: Sequence[Row]) -> Table:
    """Lay out mIoU (in percent, the mean over seeds) over the distance to the keyframe."""
    count = max(len(row.at_distance) for row in rows)
    cells = []
    for row in rows:
        values = [percent_text(spread.mean) for spread in row.at_distance]
        run = row.run if row.is_own else ""
        cells.append((run, row.name, *values, *["-"] * (count - len(values))))
    return Table(("run", "method", *map(str, range(count))), tuple(cells), num_names=2)


def percent_with_spread(spread: Spread, digits: int = 1) -> str:
    """A share in [0, 1] in percent, with its standard deviation if there is one."""
    mean = percent_text(spread.mean, digits)
    return mean if spread.count < 2 else f"{mean} ± {100 * spread.deviation:.{digits}f}"


def _cells(row: Row, full: float | None, numbers: dict[str, int]) -> tuple[str, ...]:
    return (
        row.run if row.is_own else "",
        row.name,
        percent_with_spread(row.miou),
        percent_text(row.spread(lambda method: method.worst).mean),
        percent_text(row.spread(lambda method: method.accuracy.miou_pooled).mean),
        gmacs_text(row.gmacs),
        share_text(row.gmacs / full) if full else "-",
        str(row.seeds) if row.seeds == len(row.measured) else f"{row.seeds} ({len(row.measured)})",
        *_paper_cells(row, numbers),
    )


def _full_gmacs(row: Row, rows: Sequence[Row]) -> float | None:
    """Cost of every frame at 1x by a row's network on the same data, if that is a row too."""
    alike = (r for r in rows if r.name == "1x" and (r.network, r.data) == (row.network, row.data))
    return next((other.gmacs for other in alike), None)


def _paper_cells(row: Row, numbers: dict[str, int]) -> tuple[str, str, str]:
    comparison = row.comparison
    if comparison is None:
        return ("", "", "")
    paper = comparison.row
    miou = f"{paper.miou:.2f}" + (" (?)" if paper.unreliable else "")
    points = comparison.points(row.miou.mean)
    note = f"[{numbers['; '.join(comparison.obstacles)]}]" if points is None else f"{points:+.2f}"
    return (f"{paper.table}: {paper.name}", miou, note)


def _note_numbers(rows: Sequence[Row]) -> dict[str, int]:
    texts = dict.fromkeys(
        "; ".join(row.comparison.obstacles)
        for row in rows
        if row.comparison and row.comparison.obstacles
    )
    return {text: number for number, text in enumerate(texts, 1)}
