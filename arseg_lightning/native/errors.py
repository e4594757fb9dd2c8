"""Why there is no native kernel."""

from __future__ import annotations

__all__ = ["NoNativeKernel"]


class NoNativeKernel(Exception):
    """A kernel could not be compiled or loaded; callers do without and can say why."""
