"""How far memory rises while something runs."""

from __future__ import annotations

import ctypes
import re
from contextlib import suppress
from pathlib import Path

import torch

__all__ = ["PeakMemory"]

_STATUS = Path("/proc/self/status")
_FORGET = Path("/proc/self/clear_refs")


class PeakMemory:
    """Watches memory from its construction on: the GPU's, or the process's (Linux only).

    Args:
        device: Where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif _FORGET.exists():
            _give_back()
            _FORGET.write_text("5")
        self._before = self._now("VmRSS")

    def megabytes(self) -> float | None:
        """What the peak is above the start, in 1e6 bytes; None where that cannot be told."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 1e6
        peak = self._now("VmHWM")
        return None if peak is None or self._before is None else (peak - self._before) / 1e6

    def _now(self, name: str) -> int | None:
        found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text()) if _STATUS.exists() else None
        return 1024 * int(found[1]) if found else None


def _give_back() -> None:
    """Return what is free to the system, so that using it again shows."""
    with suppress(AttributeError, OSError):  # other C libraries have no such function
        ctypes.CDLL(None).malloc_trim(0)
