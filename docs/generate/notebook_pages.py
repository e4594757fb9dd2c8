"""A notebook as a page: its text, its code, and the outputs that are kept in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["notebook_page"]

_NOT_SHOWN = re.compile(
    r"<style scoped>.*?</style>\n?| border=\"1\"| class=\"dataframe\"", re.DOTALL
)
"""Of pandas' tables: the site has a style of its own."""


def notebook_page(text: str) -> str:
    """Lay out a notebook's file, in Jupyter's format 4, as Markdown."""
    return "\n\n".join(part for cell in json.loads(text)["cells"] for part in _parts(cell)) + "\n"


def _parts(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        yield _shown(output)


def _shown(output: dict[str, Any]) -> str:
    """An output, in the best of its kinds that a page can show."""
    data = output.get("data", {})
    if "image/png" in data:
        return f"![](data:image/png;base64,{''.join(data['image/png']).strip()})"
    if "text/html" in data:
        return _NOT_SHOWN.sub("", "".join(data["text/html"])).strip()
    text = "".join(output["text"] if output["output_type"] == "stream" else data["text/plain"])
    return f"```text\n{text.rstrip()}\n```"
