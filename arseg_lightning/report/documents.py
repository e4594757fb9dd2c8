"""Tables in documents, generated from result files: nothing is typed twice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from arseg_lightning.report.bench_result import BenchResult
from arseg_lightning.report.bench_table import bench_table, machine_line, stage_table
from arseg_lightning.report.collect import collect
from arseg_lightning.report.grid import Table
from arseg_lightning.report.groups import group_runs
from arseg_lightning.report.result import RunResult
from arseg_lightning.report.study import Study
from arseg_lightning.report.study_table import study_table
from arseg_lightning.report.table import distance_table, roles_table

__all__ = ["with_current_tables"]

_OPTIONS: dict[str, tuple[str, ...]] = {
    "result": (),
    "roles": (),
    "results": ("reference", "baseline", "rows"),
    "table": (),
    "bench": ("only",),
    "bench-stages": ("only",),
}
"""Options of each kind of table."""

_MARKER = re.compile(
    rf"(?P<head><!-- (?:(?P<bench>bench)|(?P<other>{'|'.join(_OPTIONS)})): "
    r"(?P<words>[^>]+?)\s*-->\n)(?:\|.*\n)*(?(bench)(?:\n\*.*\n)?)"
)


def with_current_tables(document: Path) -> str:
    """Give a Markdown document's text with each table made anew from its result files.

    A table stands directly below a line that says what it shows; files are found relative to the
    document. ``<!-- result: FILE -->`` shows one test over the distance to the keyframe,
    ``<!-- roles: FILE -->`` what its methods did.
    ``<!-- results: FILES… -->`` shows a study, a row for all runs that differ in the seed only;
    FILES may hold ``*``. Behind them may stand the names of the row that the others are compared
    with, of the s x baseline, and of the rows that come first, in order:
    ``<!-- results: study/*.json reference=ar baseline=half rows=full,half,ar -->``.
    ``<!-- table: FILE.json -->`` shows a table that a command wrote with ``--out FILE.json``.
    ``<!-- bench: FILE -->`` shows a benchmark and names the machine below it, ``<!-- bench-stages:
    FILE -->`` where its time goes. ``only=plain,float32`` behind the file shows some variants:
    ``plain``, or what the optimised ones compute in, or their backend.

    Args:
        document: The Markdown file; it is not changed.

    Raises:
        FileNotFoundError: If the document or a result file is missing.
        ValueError: If a file is no result, or a row, a variant or an option does not exist.
    """

    def table(block: re.Match[str]) -> str:
        kind = block["bench"] or block["other"]
        words = block["words"].split()
        names = [word for word in words if "=" not in word]
        options = dict(word.split("=", 1) for word in words if "=" in word)
        for unknown in sorted(options.keys() - set(_OPTIONS[kind])):
            raise ValueError(
                f"{document} has a table of {kind} with the option {unknown!r}; there are "
                f"{', '.join(_OPTIONS[kind]) or 'none'}"
            )
        files = [file for name in names for file in sorted(document.parent.glob(name))]
        if not files:
            number = "are" if kind == "results" else "is"
            raise FileNotFoundError(f"{document} shows {' '.join(names)}, which {number} missing")
        if len(files) > 1 and kind != "results":
            raise ValueError(f"{document} shows {' '.join(names)}; name one file for {kind}")
        try:
            return f"{block['head']}{_table(kind, files, options)}\n"
        except ValueError as error:
            raise ValueError(f"{document}: {error}") from error

    if not document.is_file():
        raise FileNotFoundError(f"no document at {document}; give the path of a Markdown file")
    return _MARKER.sub(table, document.read_text(encoding="utf-8"))


def _table(kind: str, files: Sequence[Path], options: Mapping[str, str]) -> str:
    """The table of a marker, with what stands below it."""
    if kind == "results":
        return _study(files, options)
    if kind in ("result", "roles"):
        shown = distance_table if kind == "result" else roles_table
        return shown(RunResult.read(files[0]))
    if kind == "table":
        return Table.read(files[0]).markdown()
    result = BenchResult.read(files[0])
    only = _list(options.get("only", ""))
    if kind == "bench-stages":
        return stage_table(result, only).markdown()
    return f"{bench_table(result, only).markdown()}\n\n*{machine_line(result)}*"


def _study(files: Sequence[Path], options: Mapping[str, str]) -> str:
    found = collect(dict.fromkeys(files))
    if found.problems:
        raise ValueError(found.problems[0])
    reference, baseline = options.get("reference"), options.get("baseline")
    rows = _list(options.get("rows", ""))
    return study_table(Study.of(group_runs(found.runs), reference, baseline, rows)).markdown()


def _list(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
