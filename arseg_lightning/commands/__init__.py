"""The commands beside Lightning's own: one typed function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arseg_lightning.commands.encode import encode
from arseg_lightning.commands.motion import motion
from arseg_lightning.commands.sweep import sweep
from arseg_lightning.commands.tables import tables

__all__ = ["COMMANDS", "encode", "motion", "sweep", "tables"]

COMMANDS: dict[str, Callable[..., Any]] = {
    "encode": encode,
    "motion": motion,
    "sweep": sweep,
    "tables": tables,
}
"""By the word that follows ``python -m arseg_lightning``."""
