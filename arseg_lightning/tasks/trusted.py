"""Which names in a file from elsewhere may be imported and called."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

__all__ = ["refuse_untrusted"]

_OWN = "arseg_lightning"
_HARMLESS: tuple[type, ...] = (nn.Module, Optimizer, LRScheduler)
"""Classes whose constructors make what a task is made of."""

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def refuse_untrusted(content: Any, trusted: Iterable[str] = ()) -> None:
    """Raise if a configuration names what no task is made of; nothing is imported for that.

    Trusted are this package, the packages that the user names, and classes of networks, optimisers
    and schedules of modules that are imported already.

    Args:
        content: Plain values; classes are named under ``class_path``, functions by any text.
        trusted: Names of packages.

    Raises:
        ValueError: If a name is of none of these kinds.
    """
    if isinstance(content, dict):
        for key, value in content.items():
            if key == "class_path":
                _check(str(value), trusted)
            else:
                refuse_untrusted(value, trusted)
    elif isinstance(content, list | tuple):
        for each in content:
            refuse_untrusted(each, trusted)
    elif isinstance(content, str) and _NAME.fullmatch(content) and callable(_imported(content)):
        _check(content, trusted)


def _check(name: str, trusted: Iterable[str]) -> None:
    package = name.split(".")[0]
    if "." not in name or package == _OWN or package in {each.split(".")[0] for each in trusted}:
        return
    found = _imported(name)
    if isinstance(found, type) and issubclass(found, _HARMLESS):
        return
    raise ValueError(
        f"the checkpoint names {name}, and what a checkpoint names is run; if you know where it "
        f"comes from, import {package} before, or say trust=[{package!r}]"
        if found is None
        else f"the checkpoint names {name}, which is no network, optimiser or schedule, and would "
        f"be run; if you know where it comes from, say trust=[{package!r}]"
    )


def _imported(name: str) -> Any:
    """What a name means in the modules that are imported; None if nothing."""
    module, _, rest = name.rpartition(".")
    inner: list[str] = [rest]
    while module and module not in sys.modules:
        module, _, more = module.rpartition(".")
        inner.insert(0, more)
    found: Any = sys.modules.get(module)
    for each in inner:
        found = getattr(found, each, None)
    return found
