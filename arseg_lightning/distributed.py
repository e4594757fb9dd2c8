"""Distributed helpers: all processes end when one fails."""

from __future__ import annotations

from typing import Any

from torch import distributed

__all__ = ["PreparationFailed", "is_distributed", "raise_on_all_ranks"]


class PreparationFailed(ValueError):
    """Another process could not prepare the data."""


def is_distributed() -> bool:
    """Whether this process trains or tests together with others."""
    is_initialized = distributed.is_available() and distributed.is_initialized()
    return is_initialized and distributed.get_world_size() > 1


def raise_on_all_ranks(error: Exception | None) -> None:
    """Raise the error of this process, if there is one; every process has to call this.

    Otherwise the others would wait in their next collective call, until that times out.

    Raises:
        PreparationFailed: If another process has an error.
    """
    messages: list[Any] = []
    if is_distributed():
        messages += [None] * distributed.get_world_size()
        distributed.all_gather_object(messages, None if error is None else str(error))
    if error is not None:
        raise error
    for rank, message in enumerate(messages):
        if message is not None:
            raise PreparationFailed(f"process {rank} could not prepare the data: {message}")
