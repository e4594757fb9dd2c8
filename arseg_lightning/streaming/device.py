"""The device that a stream is segmented on, chosen by name."""

from __future__ import annotations

import re

import torch

from arseg_lightning.accelerator import default_device

__all__ = ["choose_device"]


def choose_device(name: str = "auto") -> torch.device:
    """Find a device by its name.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` (Apple's GPU); ``auto`` is the first GPU if
            there is one.

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
