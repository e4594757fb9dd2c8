"""GPUs, whoever makes them: CUDA's, and Apple's (``mps``)."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import torch

__all__ = [
    "Event",
    "default_device",
    "device_name",
    "event",
    "memory_bytes",
    "synchronize",
    "without_autocast",
]

Event: TypeAlias = torch.cuda.Event | torch.mps.event.Event


def default_device() -> torch.device:
    """The first GPU, if there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda:0")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """What a device is called, for records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"mps ({platform.machine()})" if device.type == "mps" else "cpu"


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done what it was given; others have done it when they return."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def event(device: torch.device) -> Event | None:
    """A mark behind all that a GPU was given so far, which can tell whether that is done."""
    if device.type not in ("cuda", "mps"):
        return None
    on_cuda = device.type == "cuda"
    made: Event = torch.cuda.Event() if on_cuda else torch.mps.event.Event()  # type: ignore[no-untyped-call]
    made.record()
    return made


def memory_bytes(device: torch.device) -> int | None:
    """Most memory that tensors took on a GPU; of Apple's, what is taken now with what is spare."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return torch.mps.driver_allocated_memory() if device.type == "mps" else None


def without_autocast(device: torch.device) -> AbstractContextManager[None]:
    """Keep autocast from rounding what runs inside, where the device knows autocast at all."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
