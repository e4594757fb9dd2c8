"""GPUs: CUDA's and Apple's (``mps``)."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import torch

__all__ = ["Event", "default_device", "device_name", "event", "memory_bytes", "synchronize"]
__all__ += ["without_autocast"]

Event: TypeAlias = torch.cuda.Event | torch.mps.event.Event


def default_device() -> torch.device:
    """The first GPU, if there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda:0")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Name of a device, for records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"mps ({platform.machine()})" if device.type == "mps" else "cpu"


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has finished its work; CPUs have, when a call returns."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def event(device: torch.device) -> Event | None:
    """An event after the work that a GPU was given so far; None without a GPU."""
    made: Event
    if device.type == "cuda":
        made = torch.cuda.Event()  # type: ignore[no-untyped-call]
    elif device.type == "mps":
        made = torch.mps.event.Event()
    else:
        return None
    made.record()
    return made


def memory_bytes(device: torch.device) -> int | None:
    """Most memory that tensors took on a GPU; Apple's driver tells its present memory only."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return torch.mps.driver_allocated_memory() if device.type == "mps" else None


def without_autocast(device: torch.device) -> AbstractContextManager[None]:
    """Switch autocast off, on devices that have it."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
