"""Pages of the reference: one for each module, one for what each package gives out."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
from places import module_page

__all__ = ["Reference", "first_sentence"]


class Reference:
    """The package, read without being imported.

    Args:
        folder: Its folder.
    """

    def __init__(self, folder: Path) -> None:
        loader = griffe.GriffeLoader(search_paths=[folder.parent], allow_inspection=False)
        self.package: Any = loader.load(folder.name)
        loader.resolve_aliases()

    def pages(self) -> Iterator[tuple[str, str]]:
        """Place and text of each page."""
        for module in self._modules(self.package):
            yield _place(module), _package(module) if _is_package(module) else _module(module)

    def navigation(self) -> list[Any]:
        """The reference's part of ``nav``: packages in alphabetical order, modules in them."""
        return self._entries(self.package)

    def _modules(self, module: Any) -> Iterator[Any]:
        yield module
        for inner in _inner(module):
            yield from self._modules(inner)

    def _entries(self, module: Any) -> list[Any]:
        return [
            {inner.name: [_place(inner), *self._entries(inner)]}
            if _is_package(inner)
            else {inner.name: _place(inner)}
            for inner in sorted(_inner(module), key=lambda each: (not _is_package(each), each.name))
        ]


def first_sentence(thing: Any) -> str:
    """The first line of a docstring; empty without one."""
    return thing.docstring.value.strip().splitlines()[0] if thing.docstring else ""


def _inner(module: Any) -> list[Any]:
    """Its modules; not those that it imports."""
    return [
        each
        for name, each in module.modules.items()
        if not name.startswith("_") and not each.is_alias
    ]


def _is_package(module: Any) -> bool:
    return bool(module.is_init_module)


def _place(module: Any) -> str:
    path = module.filepath
    return module_page(path)


def _module(module: Any) -> str:
    return f"# {module.path.removeprefix('arseg_lightning.')}\n\n::: {module.path}\n"


def _package(module: Any) -> str:
    """What a package gives out, with a line each, and its modules."""
    here = posixpath.dirname(_place(module))
    given = [_given(module, name) for name in sorted(module.exports or [], key=str.lower)]
    rows = [f"| {_link(each)} | {_cell(each)} |" for each in given if _is_ours(each)]
    modules = [
        f"| [{inner.name}]({posixpath.relpath(_place(inner), here)}) | {first_sentence(inner)} |"
        for inner in sorted(_inner(module), key=lambda each: each.name)
    ]
    parts = [f"# {module.path}", module.docstring.value if module.docstring else ""]
    if rows:
        names = f"from {module.path} import …"
        parts += [f"`{names}`", "\n".join(["| name | |", "| --- | --- |", *rows])]
    if modules:
        parts += ["## Modules", "\n".join(["| module | |", "| --- | --- |", *modules])]
    return "\n\n".join(parts) + "\n"


def _given(module: Any, name: str) -> Any:
    """What a package gives out under a name; a function, where a module of its is called alike."""
    each = module.members[name]
    if each.is_alias and not each.target_path.startswith("arseg_lightning."):
        return each
    each = each.final_target if each.is_alias else each
    return each.members.get(name, each) if each.is_module else each


def _is_ours(each: Any) -> bool:
    return not each.is_alias and each.name != "__version__"


def _link(each: Any) -> str:
    return f'<autoref identifier="{each.path}" optional><code>{each.name}</code></autoref>'


def _cell(each: Any) -> str:
    return first_sentence(each).replace("|", "\\|")
