"""Turns the roles of docstrings, ``:class:`Stream```, into links of the site."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

__all__ = ["Roles"]

_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):`([\w.]+)`")


class Roles(Extension):
    """A Griffe extension that runs over all docstrings."""

    def on_package(self, *, pkg: Any, **_: Any) -> None:
        """Replace the roles of a package's docstrings."""
        self._walk(pkg)

    def _walk(self, thing: Any) -> None:
        if thing.is_alias:
            return
        if thing.docstring:
            thing.docstring.value = _ROLE.sub(
                lambda found: _link(thing, found[1]), thing.docstring.value
            )
        for member in thing.members.values():
            self._walk(member)


def _link(thing: Any, name: str) -> str:
    first, *rest = name.split(".")
    if first == "arseg_lightning":
        path = name
    else:
        try:
            path = ".".join([thing.resolve(first), *rest])
        except Exception:  # NameResolutionError's place changed between releases
            path = name
    return f'<autoref identifier="{path}" optional><code>{name}</code></autoref>'
