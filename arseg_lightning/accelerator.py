"""GPUs: CUDA's and Apple's (``mps``)."""

from __future__ import annotations

import platform
import re
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import torch

__all__ = ["Event", "choose_device", "default_device", "device_name", "event", "memory_bytes"]
__all__ += ["synchronize", "without_autocast"]

Event: TypeAlias = torch.cuda.Event | torch.mps.event.Event


def default_device() -> torch.device:
    """The first GPU, if there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda:0")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_device(name: str = "auto") -> torch.device:
    """Find a device: ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or ``auto`` for the first GPU, if any.

    Raises:
        ValueError: If there is no such device; the message says which there are.
    """
    if re.fullmatch(r"auto|cpu|mps(:0)?|cuda(:\d+)?", name) is None:
        raise ValueError(f"a device is auto, cpu, cuda, cuda:N or mps, got {name!r}")
    if name == "auto":
        return default_device()
    device = torch.device(name)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    if device.type == "cpu" or (device.type == "mps" and has_mps):
        return device
    if device.type == "cuda" and (device.index or 0) < gpus:
        return device
    if gpus:
        names = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(gpus)]
        there = f"this machine has {', '.join(names)}; choose one of them, auto or cpu"
    elif has_mps:
        there = "this machine has mps (Apple's GPU); choose mps, auto or cpu"
    else:
        cuda = torch.version.cuda
        built = f"built for CUDA {cuda}" if cuda else "built without CUDA"
        there = f"PyTorch {torch.__version__} ({built}) finds no GPU; choose cpu or auto"
    raise ValueError(f"there is no {name}: {there}")


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
