"""Times the stages of one frame."""

from __future__ import annotations

from time import perf_counter

import torch

__all__ = ["Stopwatch"]


class Stopwatch:
    """Milliseconds from lap to lap; a GPU is waited for, since it works behind the caller's back.

    Args:
        device: Where the work is done.
        laps: Stages before the start, in milliseconds; they do not count in the total.
    """

    def __init__(self, device: torch.device, laps: dict[str, float] | None = None) -> None:
        self.laps: dict[str, float] = dict(laps or {})
        self._device = device
        self._start = self._last = perf_counter()

    def lap(self, name: str) -> None:
        """End a stage."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = perf_counter()
        self.laps[name] = 1e3 * (now - self._last)
        self._last = now

    @property
    def total_ms(self) -> float:
        """From the start to the last lap."""
        return 1e3 * (self._last - self._start)
