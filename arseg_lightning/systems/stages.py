"""Where the time of a step goes: its stages are named where they run, and timed when asked to."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

__all__ = ["StageClock", "stage"]


class StageClock:
    """Adds up the seconds that each stage takes while the clock is running.

    A stage inside another counts for the inner one only. On a GPU, the end of each stage waits
    for the device, so that a step takes longer in sum than without a clock.

    Args:
        device: Where the stages compute.

    Attributes:
        seconds: By name of the stage.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.seconds: dict[str, float] = defaultdict(float)
        self._names: list[str] = []
        self._since = 0.0

    @contextmanager
    def running(self) -> Iterator[StageClock]:
        """Listen to all stages of this thread."""
        token = _clock.set(self)
        try:
            yield self
        finally:
            _clock.reset(token)

    def enter(self, name: str) -> None:
        """A stage begins."""
        self._book()
        self._names.append(name)

    def leave(self) -> None:
        """The stage that began last ends."""
        self._book()
        self._names.pop()

    def _book(self) -> None:
        """Book the time since the last change on the stage that is under way."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        if self._names:
            self.seconds[self._names[-1]] += now - self._since
        self._since = now


_clock: ContextVar[StageClock | None] = ContextVar("stage_clock", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name what runs inside; costs nothing to speak of while no clock runs."""
    clock = _clock.get()
    if clock is None:
        yield
        return
    clock.enter(name)
    try:
        yield
    finally:
        clock.leave()
