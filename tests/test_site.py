"""The site of the documents: its pages, links and anchors; with MkDocs, that it builds."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from arseg_lightning import methods

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MARKDOWN = [
    path
    for folder in (".", "docs", "data", "experiments", "notebooks", "benchmarks")
    for path in sorted((ROOT / folder).glob("*.md"))
]
MOST_BYTES = 220_000  # of a figure


@pytest.fixture
def notebook_page(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "generate"))
    import notebook_pages

    yield notebook_pages.notebook_page
    sys.modules.pop("notebook_pages")


@pytest.fixture
def places(monkeypatch):
    """The module that leads links to where files are on the site; it needs no MkDocs."""
    monkeypatch.syspath_prepend(str(DOCS / "generate"))
    import places

    yield places
    sys.modules.pop("places")


def nav_pages(nav):
    """All pages that the navigation names."""
    for entry in nav:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from nav_pages(value) if isinstance(value, list) else [value]


def configured():
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def without_code(text):
    return re.sub(r"^( *)(```+).*?^\1\2 *$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path):
    """Anchors of a document's headings, as repository pages make them."""
    found = set()
    for title in re.findall(r"^#+ (.*)$", without_code(path.read_text()), re.MULTILINE):
        title = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title).replace("`", "")
        found.add(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"))
    return found


def links(path):
    text = re.sub(r"`[^`\n]*`(?!\])", "", without_code(path.read_text()))
    for target in re.findall(r"\]\(([^()\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            yield target


def test_the_navigation_names_every_page_once(places):
    named = [page for page in nav_pages(configured()["nav"]) if not page.startswith("reference/")]
    pages = [path.name for path in DOCS.glob("*.md")]
    others = [page for page in places.DOCUMENTS.values() if page != "index.md"]
    assert sorted(named) == sorted([*pages, *others])


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(path):
    wrong = []
    for link in links(path):
        target, _, anchor = link.partition("#")
        found = (path.parent / target).resolve() if target else path
        if not found.exists() or (
            anchor and found.suffix == ".md" and anchor not in anchors(found)
        ):
            wrong.append(link)
    assert wrong == []


def test_every_method_has_a_page():
    """A line in the list of pages, and a page that names it."""
    text = (DOCS / "methods.md").read_text()
    pages = dict[str, str]()
    for page, names in re.findall(r"^\| \[.*\]\((\w+\.md)\) \| (.*) \|$", text, re.MULTILINE):
        pages |= dict.fromkeys(re.findall(r"`(\w+)`", names), page)
    given = {name for name in methods.__all__ if isinstance(getattr(methods, name), type)}
    classes = {name for name in given if issubclass(getattr(methods, name), methods.VideoMethod)}
    classes -= {"VideoMethod", "DEFAULT_METHOD"}
    assert set(pages) == classes
    source = {name: getattr(methods, name).__module__.rpartition(".")[2] for name in classes}
    unnamed = [
        name
        for name, page in pages.items()
        if f"methods/{source[name]}.py" not in (DOCS / page).read_text()
    ]
    assert unnamed == []


def test_figures_are_small_and_shown():
    shown = "".join(path.read_text() for path in MARKDOWN)
    figures = [*DOCS.glob("*.png"), *(DOCS / "figures").glob("*.png")]
    assert [path for path in figures if path.name not in shown] == []
    assert [path for path in figures if path.stat().st_size > MOST_BYTES] == []


def followed(places, text, page="own_method.md"):
    """A page's text on the site, and the files that are shown for it."""
    shown = {}
    return places.Links(page, shown.__setitem__).followed(text, DOCS / page), shown


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[a](motion.md#one)", "[a](motion.md#one)"),
        ("[a](../experiments/README.md#b)", "[a](results.md#b)"),
        ("[a](../README.md)", "[a](index.md)"),
        ("[a](../arseg_lightning/video/chain.py)", "[a](reference/video/chain.md)"),
        ("[a](../arseg_lightning/metrics)", "[a](reference/metrics/index.md)"),
        ("[a](https://example.org/x#y)", "[a](https://example.org/x#y)"),
        ("```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```"),
        ("<!-- result: a.json -->\n| a |", "| a |"),
    ],
)
def test_links_are_led_to_the_site(places, link, expected):
    assert followed(places, link) == (expected, {})


def test_a_link_to_a_line_is_one_to_what_is_defined_there(places):
    path = ROOT / "arseg_lightning" / "cli.py"
    line = (
        path.read_text().splitlines().index("def main(arguments: list[str] | None = None) -> Any:")
    )
    text, _ = followed(places, f"[`main`](../arseg_lightning/cli.py#L{line + 1})")
    assert text == "[`main`][arseg_lightning.cli.main]"


def test_other_files_of_the_repository_are_shown(places):
    text, shown = followed(places, "[a](../experiments/quickstart.yaml) [b](../experiments/sweeps)")
    assert (
        text == "[a](files/experiments/quickstart.yaml.md) [b](files/experiments/sweeps/index.md)"
    )
    assert places.shown(next(iter(shown))).startswith("# experiments/quickstart.yaml\n\n```yaml\n")
    assert [path.name for path in shown] == ["quickstart.yaml", "sweeps"]


def test_a_missing_file_is_named(places):
    with pytest.raises(FileNotFoundError, match=r"own_method\.md links to .*/gone\.md"):
        followed(places, "[a](gone.md)")


def test_parts_of_other_documents_are_included(places):
    page = DOCS / "methods.md"
    links = places.Links("methods.md", {}.__setitem__)
    text = places.included(links.followed(page.read_text(), page), page, links)
    assert "include:" not in text
    assert "| `ARSeg` (Hu et al., CVPR 2023)" in text
    assert "([docs](dff.md))" in text
    with pytest.raises(
        ValueError, match=r"methods\.md includes nothing of .*README\.md, which has no"
    ):
        places.included("<!-- include: ../README.md nothing -->", page, links)


def test_a_notebook_is_a_page_of_its_text_code_and_outputs(notebook_page):
    html = '<table border="1" class="dataframe"><tr><td>1</td></tr></table>'
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
        {"output_type": "execute_result", "data": {"text/html": [html], "text/plain": ["x"]}},
        {"output_type": "display_data", "data": {"image/png": "QUJD\n", "text/plain": ["<F>"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# A\n", "b"]},
        {"cell_type": "code", "source": ["f()"], "outputs": outputs},
    ]
    assert notebook_page(json.dumps({"cells": cells})).split("\n\n") == [
        "# A\nb",
        "```python\nf()\n```",
        "```text\na\nb\n```",
        "<table><tr><td>1</td></tr></table>",
        "![](data:image/png;base64,QUJD)\n",
    ]


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("mkdocs", "material", "mkdocstrings"))),
    reason="MkDocs is not installed (the extra docs); .ci/run builds in its own environment",
)
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference/methods/arseg/index.html").is_file()
