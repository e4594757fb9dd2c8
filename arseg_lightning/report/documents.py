"""Tables in documents, generated from result files: nothing is typed twice."""

from __future__ import annotations

import re
from pathlib import Path

from arseg_lightning.report.result import RunResult
from arseg_lightning.report.table import distance_table

__all__ = ["with_current_tables"]

_BLOCK = re.compile(
    r"(?P<head><!-- result: (?P<file>\S+) -->\n)(?P<table>(?:\|.*\n)*)", re.MULTILINE
)


def with_current_tables(document: Path) -> str:
    """Give a Markdown document's text with each table made anew from its result file.

    A table stands directly below a line ``<!-- result: FILE -->``; the file is found relative to
    the document.

    Args:
        document: The Markdown file; it is not changed.

    Raises:
        FileNotFoundError: If a result file is missing.
    """

    def table(block: re.Match[str]) -> str:
        file = document.parent / block["file"]
        if not file.is_file():
            raise FileNotFoundError(f"{document} shows {file}, which is missing")
        return f"{block['head']}{distance_table(RunResult.read(file))}\n"

    return _BLOCK.sub(table, document.read_text())
