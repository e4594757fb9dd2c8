"""The packages that export needs beside those that are always there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["require"]


def require(package: str) -> Any:
    """Import a package of the extra ``onnx``.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ValueError(
            f"ONNX graphs need the package {package}: pip install 'arseg_lightning[onnx]'; "
            f"those of `export --format torch` need nothing more"
        ) from error
