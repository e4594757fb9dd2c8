"""What one process does for all: if it fails, all of them end."""

from __future__ import annotations

from typing import Any

from torch import distributed

__all__ = ["PreparationFailed", "fail_together", "is_one_of_several"]


class PreparationFailed(ValueError):
    """Another process could not prepare the data."""


def is_one_of_several() -> bool:
    """Whether several processes have found together."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return False
    return distributed.get_world_size() > 1


def fail_together(error: Exception | None) -> None:
    """End all processes if one has failed; every process has to call this.

    Otherwise they would wait for it in their next step together, until that times out.

    Args:
        error: What went wrong in this process; it is raised again.

    Raises:
        PreparationFailed: If it went wrong in another one.
    """
    if not is_one_of_several():
        if error is not None:
            raise error
        return
    said: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(said, None if error is None else str(error))
    if error is not None:
        raise error
    failed = [(rank, text) for rank, text in enumerate(said) if text is not None]
    if failed:
        rank, text = failed[0]
        raise PreparationFailed(f"process {rank} could not prepare the data: {text}")
