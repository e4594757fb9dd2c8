"""Where a file of the repository is on the site, and Markdown with its links led there."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

__all__ = ["DOCUMENTS", "ROOT", "Links", "included", "module_page"]

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "arseg_lightning"

DOCUMENTS = {
    "README.md": "index.md",
    "experiments/README.md": "results.md",
    "data/README.md": "data.md",
}
DOCUMENTS |= {
    f"notebooks/{path.name}": f"notebooks/{path.stem}.md"
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
}
"""Files outside of docs/ that are pages, and their places. The README's parts are included."""

_SHOWN = ("", ".cff", ".csv", ".json", ".md", ".py", ".sh", ".toml", ".yaml", ".yml")
_LANGUAGES = {".py": "python", ".json": "json", ".toml": "toml", ".sh": "bash"}
_LANGUAGES |= dict.fromkeys((".yaml", ".yml", ".cff"), "yaml")

_FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<target>[^()\s]+)\)")
_INCLUDE = re.compile(r"^<!-- include: (?P<file>\S+) (?P<part>\w+) -->$", re.MULTILINE)
_REPOSITORY = re.compile(r"<!-- repository -->.*?<!-- /repository -->\n*", re.DOTALL)
_COMMENT = re.compile(r"^<!--.*?-->\n?", re.MULTILINE | re.DOTALL)


def module_page(path: Path) -> str:
    """The page of a module of the package: ``reference/video/chain.md``."""
    inner = path.relative_to(PACKAGE)
    if path.is_dir():
        inner = inner / "index"
    elif path.name == "__init__.py":
        inner = inner.with_name("index")
    return posixpath.join("reference", *inner.with_suffix(".md").parts)


def included(text: str, origin: Path, links: Links) -> str:
    """Replace ``<!-- include: FILE PART -->`` by what FILE has between its comments of that name."""

    def part(found: re.Match[str]) -> str:
        source = (origin.parent / found["file"]).resolve()
        pattern = rf"<!-- {found['part']} -->\n(.*?)<!-- /{found['part']} -->"
        inner = re.search(pattern, source.read_text(encoding="utf-8"), re.DOTALL)
        if inner is None:
            raise ValueError(
                f"{origin} includes {found['part']} of {source}, which has no such part"
            )
        return links.followed(inner[1], source)

    return _INCLUDE.sub(part, text)


class Links:
    """Leads links of one page to where files are on the site, and collects those it shows.

    Args:
        page: The page's place on the site, such as ``results.md``.
        show: Is told each further file that a link leads to, with its place.
    """

    def __init__(self, page: str, show: Callable[[Path, str], None]) -> None:
        self.page = page
        self.show = show

    def followed(self, text: str, origin: Path) -> str:
        """Give a document's text with its links, without comments; code is left alone.

        What stands between ``<!-- repository -->`` and ``<!-- /repository -->`` is not for the site.

        Args:
            text: Markdown, whose links are relative to its file.
            origin: That file.
        """
        text = _REPOSITORY.sub("", text)
        parts, end = [], 0
        for fence in _FENCE.finditer(text):
            parts += [self._prose(text[end : fence.start()], origin), fence[0]]
            end = fence.end()
        return "".join([*parts, self._prose(text[end:], origin)])

    def _prose(self, text: str, origin: Path) -> str:
        text = _COMMENT.sub(lambda c: c[0] if _INCLUDE.match(c[0].strip()) else "", text)
        return _LINK.sub(lambda found: self._link(found, origin), text)

    def _link(self, found: re.Match[str], origin: Path) -> str:
        target, _, anchor = found["target"].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        path = (origin.parent / target).resolve()
        line = re.fullmatch(r"L(\d+)", anchor)
        if line and path.suffix == ".py":
            return f"{found['text']}[{identifier(path, int(line[1]))}]"
        place = posixpath.relpath(self.place(path), posixpath.dirname(self.page) or ".")
        return f"{found['text']}({place}{'#' * bool(anchor)}{anchor})"

    def place(self, path: Path) -> str:
        """Where a file is on the site.

        Raises:
            FileNotFoundError: If there is no such file.
        """
        if not path.exists():
            raise FileNotFoundError(f"{self.page} links to {path}, which does not exist")
        name = path.relative_to(ROOT).as_posix()
        if name in DOCUMENTS:
            return DOCUMENTS[name]
        if path.is_relative_to(DOCS):
            return path.relative_to(DOCS).as_posix()
        if path.is_relative_to(PACKAGE) and (path.is_dir() or path.suffix == ".py"):
            return module_page(path)
        shown = path.is_dir() or path.suffix in _SHOWN
        place = f"files/{name}{'/index' * path.is_dir()}{'.md' * shown}"
        self.show(path, place)
        return place


def identifier(path: Path, line: int) -> str:
    """The full name of what a module defines in a line: ``arseg_lightning.cli.main``."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    def search(body: list[ast.stmt], before: str) -> str | None:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{before}.{node.name}"
                inner = search(node.body, name) if isinstance(node, ast.ClassDef) else None
                if found := name if node.lineno == line else inner:
                    return found
        return None

    found = search(ast.parse(path.read_text(encoding="utf-8")).body, module)
    if found is None:
        raise ValueError(f"{path} defines nothing in line {line}")
    return found


def shown(path: Path) -> str:
    """A page that shows a file, or what is in a folder."""
    name = path.relative_to(ROOT).as_posix()
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if not each.name.startswith((".", "_")))
        return f"# {name}/\n\n" + "\n".join(f"- [{each.name}]({each.name})" for each in files)
    text = path.read_text(encoding="utf-8").rstrip()
    fence = "`" * (3 + max((len(run) for run in re.findall(r"`{3,}", text)), default=0))
    return f"# {name}\n\n{fence}{_LANGUAGES.get(path.suffix, 'text')}\n{text}\n{fence}\n"
