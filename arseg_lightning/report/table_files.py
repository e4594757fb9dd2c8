"""Tables of text as Markdown that also reads well as it is, and from CSV; figures as text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["gmacs_text", "markdown", "percent_text", "percent_with_spread", "read_table"]
__all__ += ["share_text"]


def markdown(table: pd.DataFrame, num_names: int = 1) -> str:
    """Lay a table of text out as Markdown; the first columns hold names, the others numbers."""
    align = ["left" if i < num_names else "right" for i in range(len(table.columns))]
    text: str = table.to_markdown(index=False, colalign=align, disable_numparse=True)
    return text


def read_table(path: Path) -> tuple[pd.DataFrame, int]:
    """Read a table from CSV, and how many columns of names it has: those of words alone.

    Raises:
        ValueError: If the file holds something else.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas' own are such
        raise ValueError(f"{path} holds no table: {error}") from error
    is_number = [bool(table[name].str.match(r"\d").any()) for name in table.columns]
    # A first column of numbers names its lines too.
    return table, max([*is_number, True].index(True), 1)


def percent_text(share: float, digits: int = 1) -> str:
    """A share in [0, 1] in percent; a dash if it is not known."""
    return "-" if math.isnan(share) else f"{100 * share:.{digits}f}"


def percent_with_spread(
    means: pd.Series[float],
    deviations: pd.Series[float],
    digits: int = 1,
    sign: str = "",
    unit: str = "",
) -> pd.Series[str]:
    """Shares in percent ± their standard deviation where that is known, a dash where they are not.

    The sign ``+`` also shows that of positive shares; the unit follows each number.
    """

    def number(mean: float) -> str:
        return f"{round(100 * mean, digits) + 0.0:{sign}.{digits}f}{unit}"  # no -0.0

    spread = deviations.map(lambda deviation: f" ± {100 * deviation:.{digits}f}{unit}")
    text = means.map(number) + spread.where(deviations.notna(), "")
    return text.where(means.notna(), "-")


def share_text(share: float) -> str:
    """A share in whole percent; a dash if it is not known."""
    return "-" if math.isnan(share) else f"{share:.0%}"


def gmacs_text(gmacs: float) -> str:
    """A cost, with as many digits as mean something; a dash if it is not known."""
    if math.isnan(gmacs):
        return "-"
    return f"{gmacs:.2f}" if gmacs >= 1 else f"{gmacs:.3f}"
