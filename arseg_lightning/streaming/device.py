"""Which device a stream is segmented on."""

from __future__ import annotations

import re

import torch

__all__ = ["choose_device", "device_name"]


def choose_device(name: str = "auto") -> torch.device:
    """Find a device by its name.

    Args:
        name: ``cpu``, ``cuda`` or ``cuda:N``; ``auto`` is the first GPU if there is one.

    Raises:
        ValueError: If there is no such device; the message says which there are.
    """
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", name) is None:
        raise ValueError(f"a device is auto, cpu, cuda or cuda:N, got {name!r}")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda:0" if gpus else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ValueError(f"there is no {name}: {_what_there_is(gpus)}")
    return device


def device_name(device: torch.device) -> str:
    """What a device is called, for records."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _what_there_is(gpus: int) -> str:
    if gpus:
        names = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(gpus)]
        return f"this machine has {', '.join(names)}; choose one of them, auto or cpu"
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    return f"PyTorch {torch.__version__} ({built}) finds no GPU; choose cpu or auto"
