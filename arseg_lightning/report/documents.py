"""Tables in documents, generated from result files: nothing is typed twice."""

from __future__ import annotations

import re
from pathlib import Path

from arseg_lightning.report.collect import collect
from arseg_lightning.report.grid import Table
from arseg_lightning.report.groups import group_runs
from arseg_lightning.report.result import RunResult
from arseg_lightning.report.study import Study
from arseg_lightning.report.study_table import study_table
from arseg_lightning.report.table import distance_table

__all__ = ["with_current_tables"]

_TABLE = r"(?P<table>(?:\|.*\n)*)"
_RESULT = re.compile(rf"(?P<head><!-- result: (?P<file>\S+) -->\n){_TABLE}")
_STUDY = re.compile(rf"(?P<head><!-- results: (?P<words>[^>]+?)\s*-->\n){_TABLE}")
_RECORDS = re.compile(rf"(?P<head><!-- table: (?P<file>\S+) -->\n){_TABLE}")
_OPTIONS = ("reference", "baseline", "rows")


def with_current_tables(document: Path) -> str:
    """Give a Markdown document's text with each table made anew from its result files.

    A table stands directly below a line that says what it shows; files are found relative to the
    document. ``<!-- result: FILE -->`` shows one test over the distance to the keyframe.
    ``<!-- results: FILES… -->`` shows a study, a row for all runs that differ in the seed only;
    FILES may hold ``*``. Behind them may stand the names of the row that the others are compared
    with, of the s x baseline, and of the rows that come first, in order:
    ``<!-- results: study/*.json reference=ar baseline=half rows=full,half,ar -->``.
    ``<!-- table: FILE.json -->`` shows a table that a command wrote with ``--out FILE.json``.

    Args:
        document: The Markdown file; it is not changed.

    Raises:
        FileNotFoundError: If the document or a result file is missing.
        ValueError: If a file is no result, or a row or an option does not exist.
    """

    def one(block: re.Match[str]) -> str:
        file = document.parent / block["file"]
        if not file.is_file():
            raise FileNotFoundError(f"{document} shows {file}, which is missing")
        return f"{block['head']}{distance_table(RunResult.read(file))}\n"

    def records(block: re.Match[str]) -> str:
        file = document.parent / block["file"]
        if not file.is_file():
            raise FileNotFoundError(f"{document} shows {file}, which is missing")
        return f"{block['head']}{Table.read(file).markdown()}\n"

    def study(block: re.Match[str]) -> str:
        return f"{block['head']}{_study(document, block['words'].split())}\n"

    if not document.is_file():
        raise FileNotFoundError(f"no document at {document}; give the path of a Markdown file")
    return _RECORDS.sub(records, _STUDY.sub(study, _RESULT.sub(one, document.read_text())))


def _study(document: Path, words: list[str]) -> str:
    """The table of a study, from the words of its marker."""
    patterns = [word for word in words if "=" not in word]
    options = dict(word.split("=", 1) for word in words if "=" in word)
    unknown = sorted(options.keys() - set(_OPTIONS))
    if unknown:
        raise ValueError(
            f"{document} has a table of results with the option {unknown[0]!r}; there are "
            f"{', '.join(_OPTIONS)}"
        )
    files = [file for pattern in patterns for file in sorted(document.parent.glob(pattern))]
    if not files:
        raise FileNotFoundError(f"{document} shows {' '.join(patterns)}, which are missing")
    found = collect(dict.fromkeys(files))
    if found.problems:
        raise ValueError(f"{document}: {found.problems[0]}")
    rows = [name for name in options.get("rows", "").split(",") if name]
    groups = group_runs(found.runs)
    try:
        study = Study.of(groups, options.get("reference"), options.get("baseline"), rows)
    except ValueError as error:
        raise ValueError(f"{document}: {error}") from error
    return study_table(study).markdown()
