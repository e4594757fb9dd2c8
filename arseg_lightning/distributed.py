"""Distributed helpers: all processes end when one fails."""

from __future__ import annotations

from typing import Any

from torch import distributed

__all__ = ["PreparationFailed", "is_distributed", "raise_on_all_ranks"]


class PreparationFailed(ValueError):
    """Another process could not prepare the data."""


def is_distributed() -> bool:
    """Whether this process trains or tests together with others."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return False
    return distributed.get_world_size() > 1


def raise_on_all_ranks(error: Exception | None) -> None:
    """End all processes if one has failed; every process has to call this.

    Otherwise they would wait for it in their next collective call, until that times out.

    Args:
        error: What went wrong in this process; it is raised again.

    Raises:
        PreparationFailed: If it went wrong in another one.
    """
    if not is_distributed():
        if error is not None:
            raise error
        return
    messages: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(messages, None if error is None else str(error))
    if error is not None:
        raise error
    for rank, message in enumerate(messages):
        if message is not None:
            raise PreparationFailed(f"process {rank} could not prepare the data: {message}")
