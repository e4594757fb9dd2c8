"""The tour's links lead to the lines that define what they name, and its layers are the test's.

``ARSEG_LIGHTNING_REWRITE_GOLDEN=1 pytest tests/test_architecture_document.py`` sets the lines.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

from tests.test_layers import LAYERS

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "architecture.md"
LINK = re.compile(r"\[`([\w.]+)`\]\((\.\./arseg_lightning/[\w/]+\.py)#L(\d+)\)")


def line_of(name: str, path: Path) -> int:
    """Where a class, a function or a method (``Class.method``) is defined."""
    body: list[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = next(node for node in body if getattr(node, "name", None) == part)
        body = getattr(found, "body", [])
    return found.lineno


def links() -> list[tuple[str, str, int]]:
    text = DOCUMENT.read_text(encoding="utf-8")
    return [(name, path, int(line)) for name, path, line in LINK.findall(text)]


def test_there_are_links():
    assert len(links()) > 30


@pytest.mark.skipif("ARSEG_LIGHTNING_REWRITE_GOLDEN" in os.environ, reason="they are set instead")
@pytest.mark.parametrize(("name", "path", "line"), links())
def test_a_link_leads_to_the_definition(name, path, line):
    assert line_of(name, DOCUMENT.parent / path) == line


@pytest.mark.skipif("ARSEG_LIGHTNING_REWRITE_GOLDEN" not in os.environ, reason="lines are tested")
def test_lines_are_set():
    def link(found: re.Match[str]) -> str:
        name, path, _ = found.groups()
        return f"[`{name}`]({path}#L{line_of(name, DOCUMENT.parent / path)})"

    DOCUMENT.write_text(LINK.sub(link, DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    assert links()


def test_the_layers_are_those_that_are_tested():
    text = DOCUMENT.read_text(encoding="utf-8").split("<!-- layers -->")[1].split("\n\n")[0]
    first_columns = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(first_columns)) == list(LAYERS)
