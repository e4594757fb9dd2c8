"""Benchmark tables in documents, generated from result files."""

from __future__ import annotations

import re
from pathlib import Path

from arseg_lightning.bench.result import BenchResult
from arseg_lightning.bench.table import bench_table, machine_line, stage_table

__all__ = ["with_current_bench"]

_MARKER = re.compile(
    r"(?P<head><!-- bench(?P<stages>-stages)?: (?P<file>\S+)(?: only=(?P<only>\S+))? -->\n)"
    r"(?P<old>(?:[|*].*\n|\n(?=\*))*)"
)


def with_current_bench(text: str, document: Path) -> str:
    """Regenerate the benchmark tables of a Markdown document from their result files.

    A table stands directly below ``<!-- bench: FILE -->``, or ``<!-- bench-stages: FILE -->`` for
    where the time goes; the machine is named below the former. Files are found relative to the
    document. ``only=plain,float32`` behind the file shows some variants: ``plain``, or what the
    optimised ones compute in, or their backend.

    Args:
        text: The document's text.
        document: Where it stands.

    Raises:
        FileNotFoundError: If a result file is missing.
        ValueError: If a file is no result of ``bench``, or has no such variants.
    """

    def table(block: re.Match[str]) -> str:
        file = document.parent / block["file"]
        if not file.is_file():
            raise FileNotFoundError(f"{document} shows {file}, which is missing")
        result = BenchResult.read(file)
        if block["only"]:
            result = result.only(block["only"].split(","))
        if block["stages"]:
            return f"{block['head']}{stage_table(result).markdown()}\n"
        where = f"*{machine_line(result)}*"
        return f"{block['head']}{bench_table(result).markdown()}\n\n{where}\n"

    return _MARKER.sub(table, text)
