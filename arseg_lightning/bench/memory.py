"""Peak memory of a run."""

from __future__ import annotations

import ctypes
import re
from contextlib import suppress
from pathlib import Path

import torch

__all__ = ["PeakMemory"]

_PROCESS = Path("/proc/self")


class PeakMemory:
    """Watches memory from its construction on: the GPU's, or the process's (Linux only).

    Args:
        device: Where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif (_PROCESS / "clear_refs").exists():
            with suppress(AttributeError, OSError):  # other C libraries have no such function
                ctypes.CDLL(None).malloc_trim(0)  # so that using again what is free shows
            (_PROCESS / "clear_refs").write_text("5", "utf-8")  # forgets the peak so far
        self._before = self._now("VmRSS")

    def megabytes(self) -> float | None:
        """The peak above the start, in 1e6 bytes; None where that is not known."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 1e6
        peak = self._now("VmHWM")
        return None if peak is None or self._before is None else (peak - self._before) / 1e6

    def _now(self, name: str) -> int | None:
        """A figure of the process in bytes; None where there is none."""
        with suppress(OSError):
            found = re.search(rf"{name}:\s+(\d+) kB", (_PROCESS / "status").read_text("utf-8"))
            return 1024 * int(found[1]) if found else None
        return None
