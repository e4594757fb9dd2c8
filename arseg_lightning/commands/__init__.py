"""The commands beside Lightning's own: one typed function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arseg_lightning.commands.encode import encode

__all__ = ["COMMANDS", "encode"]

COMMANDS: dict[str, Callable[..., Any]] = {"encode": encode}
"""By the word that follows ``python -m arseg_lightning``."""
