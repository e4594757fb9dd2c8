"""The command ``tables``: brings the tables of documents up to their result files."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.report.documents import with_current_tables

__all__ = ["tables"]


def tables(documents: list[Path]) -> None:
    """Make the tables of Markdown documents anew from the result files that they name.

    A table stands directly below a line ``<!-- result: FILE -->``.

    Args:
        documents: The Markdown files to change.
    """
    for document in documents:
        before, after = document.read_text(), with_current_tables(document)
        document.write_text(after)
        print(f"{document}: {'changed' if before != after else 'up to date'}")
