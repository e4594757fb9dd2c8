"""Tables in documents, generated from result files: nothing is typed twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from arseg_lightning.report.bench_tables import bench_table, machine_line
from arseg_lightning.report.collect import collect
from arseg_lightning.report.comparison_table import (
    classes_table,
    comparison_table,
    distances_table,
    read_comparison,
)
from arseg_lightning.report.result import RunResult, read_bench
from arseg_lightning.report.result_tables import distance_table, roles_table, study_table
from arseg_lightning.report.rows import measurements
from arseg_lightning.report.study import study_rows
from arseg_lightning.report.table_files import markdown, read_table

__all__ = ["TABLES", "TableKind", "study_of", "with_current_tables"]

TableKind = Callable[..., str]
"""Makes a table's Markdown from its result files, a list, and from options by name."""


def with_current_tables(document: Path, tables: Mapping[str, TableKind] | None = None) -> str:
    """Give a Markdown document's text with each table made again from its result files.

    A table stands directly below a marker: its kind, files relative to the document, and options.
    ``<!-- result: FILE -->`` is one test, over the distance to the keyframe; ``roles`` what its
    methods did; ``<!-- results: FILES… reference=NAME baseline=NAME rows=NAME,… -->`` a study, one
    row for all runs that differ in the seed only; ``comparison`` what `compare` wrote,
    ``comparison-distances`` its ``figure=NAME`` over distances (mIoU by default) and
    ``comparison-classes`` the IoU of classes, of which ``only=METHOD,…`` shows some; ``bench`` a
    benchmark, of which ``only=FORM,…`` shows some variants; ``table`` any CSV file.

    Args:
        document: The Markdown file; it is not changed.
        tables: Kinds of tables by the word in the marker; :data:`TABLES` by default.

    Raises:
        FileNotFoundError: If the document or a result file is missing.
        ValueError: If a file is no result, or a row, a variant or an option does not exist.
    """
    tables = TABLES if tables is None else tables

    def replaced(block: re.Match[str]) -> str:
        words = block["words"].split()
        patterns = [word for word in words if "=" not in word]
        options = dict(word.split("=", 1) for word in words if "=" in word)
        files = [file for pattern in patterns for file in sorted(document.parent.glob(pattern))]
        if not files:
            raise FileNotFoundError(
                f"{document} shows {' '.join(patterns)}, of which there is no file"
            )
        try:
            return f"{block['head']}{tables[block['kind']](files, **options)}\n"
        except (TypeError, ValueError) as error:
            raise ValueError(f"{document}: {error}") from error

    # A line in italics above a table belongs to it.
    marker = (
        rf"(?P<head><!-- (?P<kind>{'|'.join(map(re.escape, tables))}): (?P<words>[^>]+?)\s*-->\n)"
        r"(?:\*.*\n\n)?(?:\|.*\n)*"
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


def _one(files: Sequence[Path]) -> Path:
    if len(files) > 1:
        raise ValueError(f"this table shows one file, and {', '.join(map(str, files))} are several")
    return files[0]


def _study(
    files: list[Path], reference: str | None = None, baseline: str | None = None, rows: str = ""
) -> str:
    return markdown(study_table(study_of(files, reference, baseline, rows)))


def _records(files: list[Path], only: str = "") -> list[dict[str, Any]]:
    records = read_comparison(_one(files))
    names = {each["method"].replace(" ", "_").replace(",", ""): each for each in records}
    wanted = _names(only) or list(names)
    if unknown := set(wanted) - set(names):
        raise ValueError(f"no method {', '.join(unknown)}; there are {', '.join(names)}")
    return [names[name] for name in wanted]


def _comparison(files: list[Path], only: str = "") -> str:
    return markdown(comparison_table(_records(files, only)))


def _distances(files: list[Path], figure: str = "miou", only: str = "") -> str:
    digits = 2 if figure == "flicker" else 1
    return markdown(distances_table(_records(files, only), figure, digits))


def _classes(files: list[Path], only: str = "") -> str:
    return markdown(classes_table(_records(files, only)))


def _bench(files: list[Path], only: str = "") -> str:
    results = read_bench(_one(files))
    return f"*{machine_line(results)}*\n\n{markdown(bench_table(results, _names(only)), 2)}"


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


TABLES: dict[str, TableKind] = {
    "result": lambda files: distance_table(RunResult.read(_one(files))),
    "roles": lambda files: roles_table(RunResult.read(_one(files))),
    "results": _study,
    "comparison": _comparison,
    "comparison-distances": _distances,
    "comparison-classes": _classes,
    "table": lambda files: markdown(*read_table(_one(files))),
    "bench": _bench,
}
"""Kinds of tables by the word in the marker."""
