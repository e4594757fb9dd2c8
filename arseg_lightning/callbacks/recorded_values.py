"""Values that the record of a run can hold, and those that it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import torch
import yaml  # type: ignore[import-untyped]
from jsonargparse.typing import register_type

__all__ = ["read_back_devices_and_enumerations", "refuse_what_is_not_recorded"]

_LOST = "Unable to serialize instance "


def read_back_devices_and_enumerations() -> None:
    """Let the parser write devices by their names, and members of enumerations by their values."""
    register_type(torch.device, str, torch.device, (RuntimeError, TypeError))
    yaml.SafeDumper.add_multi_representer(Enum, lambda dumper, e: dumper.represent_data(e.value))


def refuse_what_is_not_recorded(record: str) -> None:
    """Refuse a configuration that could not be read back from its record.

    Args:
        record: The resolved configuration, as YAML.

    Raises:
        ValueError: If a value has no text that stands for it.
    """
    for name, value in _values(yaml.safe_load(record)):
        if isinstance(value, str) and value.startswith(_LOST):
            raise ValueError(
                f"{name} is {value.removeprefix(_LOST)}, which the run's record (fit.yaml) cannot "
                f"hold: give a plain value, an import path (package.module.name), or a "
                f"class_path with init_args"
            )


def _values(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in entries:
        inner = f"{name}.{key}" if name else str(key)
        if isinstance(value, dict | list):
            yield from _values(value, inner.removesuffix(".init_args"))
        else:
            yield inner, value
