"""GPUs: CUDA's and Apple's (``mps``)."""

from __future__ import annotations

import platform
import re
from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["choose_device", "default_device", "device_name", "synchronize", "without_autocast"]


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
    names = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(gpus)]
    names += ["mps (Apple's GPU)"] * torch.backends.mps.is_available()
    is_there = (device.index or 0) < gpus if device.type == "cuda" else device.type in str(names)
    if device.type == "cpu" or is_there:
        return device
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    there = f"this machine has {', '.join(names)}" if names else f"PyTorch ({built}) finds no GPU"
    raise ValueError(f"there is no {name}: {there}; choose what there is, auto or cpu")


def device_name(device: torch.device) -> str:
    """Name of a device, for records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"mps ({platform.machine()})" if device.type == "mps" else "cpu"


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has finished its work; CPUs have, when a call returns."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def without_autocast(device: torch.device) -> AbstractContextManager[None]:
    """Switch autocast off, on devices that have it."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
