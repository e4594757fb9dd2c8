"""Names in files from elsewhere: which of them may be imported and called."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from yaml import YAMLError  # type: ignore[import-untyped]

__all__ = ["refuse_untrusted", "refuse_untrusted_file"]

_VARIABLE = "ARSEG_LIGHTNING_TRUST"

_HARMLESS: tuple[type, ...] = (nn.Module, Optimizer, LRScheduler)
"""Base classes whose constructors are safe to call."""

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def refuse_untrusted(content: Any, source: str | Path) -> None:
    """Raise if a configuration names anything that is not trusted; nothing is imported for that.

    Trusted are this package, the packages that the variable ``ARSEG_LIGHTNING_TRUST`` names (with
    commas), and classes of networks, optimisers and schedules of modules that are imported already.

    Args:
        content: Plain or parsed values; classes are named under ``class_path``, functions by any
            text.
        source: Origin of the content, for the message.

    Raises:
        ValueError: If a name is of none of these kinds.
    """
    named = [__name__, *os.environ.get(_VARIABLE, "").split(",")]
    packages = {name.strip().split(".")[0] for name in named}
    for name, is_class in _names(content):
        package = name.split(".")[0]
        if "." not in name or package in packages:
            continue
        found = _imported(name)
        if isinstance(found, type) and issubclass(found, _HARMLESS):
            continue
        if found is None and not is_class:
            spec = None
            with suppress(ImportError, ValueError):
                spec = find_spec(package)
            if spec is None or spec.origin is None:  # folders without code have no origin
                continue  # a text that happens to have dots
        what = "which is not known yet" if found is None else "no network, optimiser or schedule"
        raise ValueError(
            f"{source} names {name}, {what}, and what it names is run; if you know where it comes "
            f"from, trust its package: set {_VARIABLE}={package} in the environment"
        )


def refuse_untrusted_file(path: Path) -> None:
    """Raise if the model or the data of a YAML file name what is not trusted.

    Files that it takes them from are looked at too; see :func:`refuse_untrusted`.
    """
    try:
        plain = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OSError, OmegaConfBaseException, YAMLError):  # reported when it is read
        return
    parts = plain if isinstance(plain, dict) else {}
    # A file may also be a part alone, which another one takes in.
    if "model" in parts or "data" in parts:
        parts = {key: parts.get(key) for key in ("model", "data")}
    refuse_untrusted(parts, path)
    for part in parts.values():
        if isinstance(part, str) and (path.parent / part).is_file():
            refuse_untrusted_file(path.parent / part)


def _names(content: Any) -> Iterator[tuple[str, bool]]:
    """All names in a configuration, and whether each is that of a class."""
    if isinstance(content, Namespace):
        content = vars(content)
    if isinstance(content, dict):
        for key, value in content.items():
            if key == "class_path":
                yield str(value), True
            else:
                yield from _names(value)
    elif isinstance(content, list | tuple):
        for each in content:
            yield from _names(each)
    elif isinstance(content, str):
        if _NAME.fullmatch(content):
            yield content, False
    elif callable(content) and hasattr(content, "__qualname__"):
        yield f"{content.__module__}.{content.__qualname__}", False


def _imported(name: str) -> Any:
    """The object of a name in the modules that are imported; None if there is none."""
    # From the longest module name to the shortest: the rest is a class, or a class in a class.
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:end]))
        if found is not None:
            for part in parts[end:]:
                found = getattr(found, part, None)
            return found
    return None
