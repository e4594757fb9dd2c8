"""Tables in documents, generated from result files: nothing is typed twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from arseg_lightning.report.bench_tables import bench_table, machine_line, stage_table
from arseg_lightning.report.collect import collect
from arseg_lightning.report.result import RunResult, read_bench
from arseg_lightning.report.result_tables import distance_table, roles_table, study_table
from arseg_lightning.report.rows import measurements
from arseg_lightning.report.study import study_rows
from arseg_lightning.report.table_files import markdown, read_table

__all__ = ["TABLES", "TableKind", "study_of", "with_current_tables"]


@dataclass(frozen=True, slots=True)
class TableKind:
    """A kind of table in documents.

    Args:
        make: Makes its Markdown from a result file, and from the values of the options by name.
        options: Names of the options that a document may give.
        takes_many: Whether it is made from any number of files, given as a list, instead of one.
    """

    make: Callable[..., str]
    options: tuple[str, ...] = ()
    takes_many: bool = False


def with_current_tables(document: Path, tables: Mapping[str, TableKind] | None = None) -> str:
    """Give a Markdown document's text with each table made again from its result files.

    A table stands directly below a marker such as ``<!-- results: study/*.json reference=ar -->``:
    its kind, files relative to the document, and options. ``python -m arseg_lightning tables
    --help`` explains the kinds.

    Args:
        document: The Markdown file; it is not changed.
        tables: Kinds of tables by the word in the marker; :data:`TABLES` by default.

    Raises:
        FileNotFoundError: If the document or a result file is missing.
        ValueError: If a file is no result, or a row, a variant or an option does not exist.
    """
    if not document.is_file():
        raise FileNotFoundError(f"no document at {document}; give the path of a Markdown file")
    tables = TABLES if tables is None else tables

    def replaced(block: re.Match[str]) -> str:
        name = block["bench"] or block["other"]
        kind, words = tables[name], block["words"].split()
        patterns = [word for word in words if "=" not in word]
        options = dict(word.split("=", 1) for word in words if "=" in word)
        for unknown in sorted(options.keys() - set(kind.options)):
            raise ValueError(
                f"{document} has a table of {name} with the option {unknown!r}; there are "
                f"{', '.join(kind.options) or 'none'}"
            )
        files = [file for pattern in patterns for file in sorted(document.parent.glob(pattern))]
        if not files:
            number = "are" if kind.takes_many else "is"
            raise FileNotFoundError(
                f"{document} shows {' '.join(patterns)}, which {number} missing"
            )
        if len(files) > 1 and not kind.takes_many:
            raise ValueError(f"{document} shows {' '.join(patterns)}; name one file for {name}")
        try:
            text = kind.make(files if kind.takes_many else files[0], **options)
        except ValueError as error:
            raise ValueError(f"{document}: {error}") from error
        return f"{block['head']}{text}\n"

    others = "|".join(re.escape(name) for name in tables if name != "bench")
    # The line in italics below the table of a benchmark is made with it.
    marker = (
        rf"(?P<head><!-- (?:(?P<bench>bench)|(?P<other>{others})): (?P<words>[^>]+?)\s*-->\n)"
        r"(?:\|.*\n)*(?(bench)(?:\n\*.*\n)?)"
    )
    return re.sub(marker, replaced, document.read_text(encoding="utf-8"))


def study_of(
    files: Sequence[Path], reference: str | None = None, baseline: str | None = None, rows: str = ""
) -> pd.DataFrame:
    """Read the study in result files, as a document's marker names it.

    Raises:
        ValueError: If a file is no result, or a row does not exist.
    """
    found = collect(dict.fromkeys(files))
    if found.problems:
        raise ValueError(found.problems[0])
    return study_rows(measurements(found.runs), reference, baseline, _names(rows))


def _bench(file: Path, only: str = "") -> str:
    results = read_bench(file)
    return f"{markdown(bench_table(results, _names(only)), 2)}\n\n*{machine_line(results)}*"


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


TABLES = {
    "result": TableKind(lambda file: distance_table(RunResult.read(file))),
    "roles": TableKind(lambda file: roles_table(RunResult.read(file))),
    "results": TableKind(
        lambda files, **options: markdown(study_table(study_of(files, **options))),
        options=("reference", "baseline", "rows"),
        takes_many=True,
    ),
    "table": TableKind(lambda file: markdown(*read_table(file))),
    "bench": TableKind(_bench, options=("only",)),
    "bench-stages": TableKind(
        lambda file, only="": markdown(stage_table(read_bench(file), _names(only)), 2),
        options=("only",),
    ),
}
"""Kinds of tables by the word in the marker."""
