"""Times of the named sections of a step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

import torch

from arseg_lightning.accelerator import synchronize

__all__ = ["section", "timed_sections"]

_clock: ContextVar[tuple[torch.device, dict[str, float]] | None] = ContextVar("clock", default=None)


@contextmanager
def timed_sections(device: torch.device) -> Iterator[dict[str, float]]:
    """Add up the seconds of the sections that this thread runs in the block, by their names.

    On a GPU, a section waits for the device, so that a step takes longer than without.
    """
    seconds: dict[str, float] = defaultdict(float)
    token = _clock.set((device, seconds))
    try:
        yield seconds
    finally:
        _clock.reset(token)


@contextmanager
def section(name: str) -> Iterator[None]:
    """Time the block under a name, none inside another; nearly free while nobody wants to know."""
    clock = _clock.get()
    if clock is None:
        yield
        return
    device, seconds = clock
    synchronize(device)
    start = perf_counter()
    try:
        yield
    finally:
        synchronize(device)
        seconds[name] += perf_counter() - start
