"""The files of a shared run, in a local folder and in a repository alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

__all__ = ["CARD_NAME", "CLASSES_NAME", "CONFIG_NAME", "FILES", "OPTIONAL", "RESULT_NAME"]
__all__ += ["WEIGHTS_NAME", "is_shared_run", "read_shared_configuration", "refuse_other_files"]

CONFIG_NAME = "config.yaml"  # the hub counts downloads by files of this name
WEIGHTS_NAME = "model.safetensors"
RESULT_NAME = "result.json"
CARD_NAME = "README.md"
CLASSES_NAME = "classes.yaml"
"""A class set of one's own, which the configuration names."""

OPTIONAL = (RESULT_NAME, CLASSES_NAME)
FILES = (CONFIG_NAME, WEIGHTS_NAME, CARD_NAME, *OPTIONAL)


def is_shared_run(folder: Path) -> bool:
    """Whether a folder has the configuration and the weights of a shared run."""
    return all((folder / name).is_file() for name in (CONFIG_NAME, WEIGHTS_NAME))


def read_shared_configuration(path: Path, source: str) -> dict[str, Any]:
    """Read the configuration of a shared run.

    Args:
        path: The file.
        source: Where it is from, for the message.

    Raises:
        ValueError: If `push` did not write it.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        content = None
    parts = content if isinstance(content, dict) else {}
    model, data = parts.get("model"), parts.get("data")
    if not (isinstance(model, dict) and "class_path" in model and isinstance(data, dict)):
        raise ValueError(
            f"the {CONFIG_NAME} of {source} is not the configuration of a run: it has no model "
            f"and data as `push` writes them; check the name"
        )
    return parts


def refuse_other_files(names: Iterable[str], where: str) -> None:
    """Raise FileExistsError if something else than a shared run is among the files of a place."""
    others = sorted({*names} - {*FILES, ".gitattributes"})
    if others:
        more = f" and {len(others) - 1} more" if others[1:] else ""
        raise FileExistsError(
            f"{where} has something else in it ({others[0]}{more}), and a push would replace it; "
            f"give another --to"
        )
