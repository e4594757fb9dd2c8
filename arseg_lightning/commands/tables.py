"""The command ``tables``: a document's tables, from their result files."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.files import write_atomic

__all__ = ["tables"]


def tables(document: Path) -> None:
    """Update the tables of a Markdown document from the result files that it names.

    A table comes directly after a line ``<!-- result: FILE -->`` (one test, over the distance to
    the keyframe), ``<!-- roles: FILE -->`` (what its methods did),
    ``<!-- results: FILES… reference=NAME -->`` (a study: one row for all runs that differ in the
    seed only; also with baseline=NAME and rows=NAME,NAME,…), ``<!-- comparison: FILE -->`` (what
    `compare` wrote), ``<!-- table: FILE.csv -->`` (what another command wrote with --out), or
    ``<!-- bench: FILE -->`` and ``<!-- bench-stages: FILE -->`` (a benchmark).

    Args:
        document: The Markdown file to change.
    """
    # pandas is slow to import: only commands that write tables wait for it
    from arseg_lightning.report.documents import with_current_tables

    after = with_current_tables(document)
    before = document.read_text(encoding="utf-8")
    write_atomic(document, after)
    print(f"{document}: {'changed' if before != after else 'up to date'}")
