"""What MkDocs calls: pages made of the repository's files, and their links.

Python-Markdown makes other anchors than repository pages do; here they are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from command_line import commands_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from notebook_pages import notebook_page
from places import DOCUMENTS, ROOT, Links, included, shown
from pymdownx.slugs import slugify
from reference import Reference

__all__ = ["on_config", "on_files", "on_post_build"]

_LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*?\bsrc=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?![^>]*rel=["']?(?:canonical|prev|next))[^>]*?\bhref=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|url\(["']?(?:https?:)?//[^)]+"""
    r"""|@import\s+["'](?:https?:)?//[^"']+"""
)
"""What a browser loads from another host by itself; links that are clicked are none."""

_NOT_SEARCHED = "---\nsearch: {exclude: true}\n---\n\n"
"""Stands before a page that shows a file: a search finds the pages that lead to it."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make anchors as repository pages do: ``Weights & Biases`` is ``weights--biases``."""
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/, and lead links to where pages are."""
    reference = Reference(ROOT / "arseg_lightning")
    for place, text in reference.pages():
        files.append(File.generated(config, place, content=text))
    files.append(
        File.generated(
            config, "reference/command_line.md", content=commands_page(reference.package)
        )
    )
    _section(config.nav, "Reference").extend(reference.navigation())

    sources = {ROOT / name: page for name, page in DOCUMENTS.items() if page != "index.md"}
    for source, page in sources.items():
        files.append(File.generated(config, page, abs_src_path=str(source)))
    waiting = dict[Path, str]()
    for file in files.documentation_pages():
        source = Path(file.abs_src_path) if file.abs_src_path else None
        if source is not None and source.suffix in (".md", ".ipynb"):
            links = Links(file.src_uri, waiting.__setitem__)
            file.content_string = _followed(source, links)
    for file in _files_shown(waiting, config):
        files.append(file)
    return files


def on_post_build(*, config: MkDocsConfig) -> None:
    """Refuse a site that makes its readers' browsers ask other hosts."""
    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix not in (".html", ".css"):
            continue
        if found := _LOADED.search(path.read_text(encoding="utf-8")):
            raise PluginError(f"{path} loads from another host: {found[0][:120]}")


def _followed(source: Path, links: Links) -> str:
    text = source.read_text(encoding="utf-8")
    text = links.followed(notebook_page(text) if source.suffix == ".ipynb" else text, source)
    return included(text, source, links)


def _files_shown(waiting: dict[Path, str], config: MkDocsConfig) -> Iterator[File]:
    """Pages of the files that other pages link to, and of those that these link to."""
    done: set[Path] = set()
    while left := [path for path in waiting if path not in done]:
        for path in left:
            done.add(path)
            place, more = waiting[path], {"inclusion": InclusionLevel.NOT_IN_NAV}
            if place.endswith(".md"):
                text = shown(path)
                if path.is_dir():
                    text = Links(place, waiting.__setitem__).followed(text, path / "index.md")
                yield File.generated(config, place, content=_NOT_SEARCHED + text, **more)
            else:
                yield File.generated(config, place, abs_src_path=str(path), **more)


def _section(nav: Any, title: str) -> list[Any]:
    section: list[Any] = next(each[title] for each in nav if title in each)
    return section
