"""Tables of text: as Markdown that also reads well as it is, as CSV, and as JSON records."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

from arseg_lightning.files import write_atomic

__all__ = ["Table", "check_format"]

_FORMATS = (".md", ".csv", ".json")


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text under a header.

    Args:
        header: Names of the columns.
        rows: Their cells, the same number in each row.
        num_names: Columns at the left that hold names; the others hold numbers.

    Raises:
        ValueError: If a row has another number of cells than the header.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_names: int = 1

    def __post_init__(self) -> None:
        """Check the number of cells."""
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(
                    f"a row has {len(row)} cells, the header {len(self.header)}: {row}"
                )

    def markdown(self) -> str:
        """Lay the table out as Markdown, numbers aligned right."""
        lines = (self.header, *self.rows)
        columns = zip(*lines, strict=True)
        widths = [max(3, *(len(cell) for cell in column)) for column in columns]
        text = [self._line(line, widths) for line in lines]
        text.insert(1, "|" + "|".join(self._rule(i, width) for i, width in enumerate(widths)) + "|")
        return "\n".join(text)

    def csv(self) -> str:
        """The table as CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue()

    def json(self) -> str:
        """The table as a JSON list of records."""
        records = [dict(zip(self.header, row, strict=True)) for row in self.rows]
        return json.dumps(records, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read what :meth:`write` has written as JSON; columns of words alone are names.

        Raises:
            ValueError: If the file holds something else.
        """
        try:
            records = json.loads(path.read_text("utf-8"))
            rows = tuple(tuple(record.values()) for record in records)
            header = tuple(records[0])
        except (ValueError, AttributeError, LookupError) as error:
            raise ValueError(f"{path} holds no table; write it with --out {path.name}") from error
        columns = enumerate(zip(*rows, strict=True))
        first_number = next(
            (i for i, column in columns if any(cell[:1].isdigit() for cell in column)), len(header)
        )
        return cls(header, rows, num_names=max(first_number, 1))

    def write(self, path: Path, notes: str = "") -> None:
        """Write the table in the format that the file's ending names.

        Args:
            path: A file that ends in ``.md``, ``.csv`` or ``.json``.
            notes: Text for below a Markdown table; the other formats leave it out.

        Raises:
            ValueError: If it ends otherwise.
        """
        check_format(path)
        text = {".md": self.markdown, ".csv": self.csv, ".json": self.json}[path.suffix]()
        if path.suffix == ".md":
            text += f"\n\n{notes}\n" if notes else "\n"
        write_atomic(path, text)

    def _line(self, cells: tuple[str, ...], widths: list[int]) -> str:
        padded = (
            cell.ljust(width) if i < self.num_names else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join(padded) + " |"

    def _rule(self, column: int, width: int) -> str:
        """The line below the header: numbers are aligned right."""
        return "-" * (width + 2) if column < self.num_names else "-" * (width + 1) + ":"


def check_format(path: Path) -> None:
    """Raise unless a table can be written to a file of that name.

    Raises:
        ValueError: If its ending names no format.
    """
    if path.suffix not in _FORMATS:
        raise ValueError(f"{path} names no format of a table; let it end in {', '.join(_FORMATS)}")
