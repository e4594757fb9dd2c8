"""Times of the named sections of a step."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from arseg_lightning.accelerator import synchronize

__all__ = ["SectionClock", "section"]


class SectionClock:
    """Adds up the seconds that each section takes while the clock is running.

    A section inside another counts for the inner one only. On a GPU, the end of each section waits
    for the device, so that a step takes longer in sum than without a clock.

    Args:
        device: Where the sections compute.

    Attributes:
        seconds: By name of the section.
        open: Names of the sections that are running, the innermost last.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.seconds: dict[str, float] = defaultdict(float)
        self.open: list[str] = []
        self._since = 0.0

    @contextmanager
    def running(self) -> Iterator[SectionClock]:
        """Listen to all sections of this thread."""
        token = _clock.set(self)
        try:
            yield self
        finally:
            _clock.reset(token)

    def book(self) -> None:
        """Book the time since the last change on the innermost open section."""
        synchronize(self.device)
        now = time.perf_counter()
        if self.open:
            self.seconds[self.open[-1]] += now - self._since
        self._since = now


_clock: ContextVar[SectionClock | None] = ContextVar("section_clock", default=None)


@contextmanager
def section(name: str) -> Iterator[None]:
    """Time the block under a name; nearly free while no clock runs."""
    clock = _clock.get()
    if clock is None:
        yield
        return
    clock.book()
    clock.open.append(name)
    try:
        yield
    finally:
        clock.book()
        clock.open.pop()
