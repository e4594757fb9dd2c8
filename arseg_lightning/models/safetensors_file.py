"""Weights as safetensors: tensors and texts by name, and nothing that could be run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

__all__ = ["SAFETENSORS_SUFFIX", "read_safetensors", "write_safetensors"]

SAFETENSORS_SUFFIX = ".safetensors"


def write_safetensors(module: nn.Module, path: Path) -> None:
    """Write all weights and statistics of a module; what has several names is written once.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If the package safetensors is missing, or the file would not give the same
            weights again.
    """
    _package("safetensors.torch").save_model(module, str(path), metadata={"format": "pt"})
    written, wanted = read_safetensors(path), module.state_dict()
    changed = [
        name
        for name, value in wanted.items()
        if name not in written or not torch.equal(written[name], value.cpu())
    ]
    if changed:  # overlapping parts of one tensor, which no network of ours has
        raise ValueError(
            f"{path.name} would not hold {changed[0]} as it is: its memory overlaps with that of "
            f"other weights; let the network keep them as tensors of their own"
        )


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file, each under all of its names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or the package safetensors is missing.
    """
    package = _package("safetensors")
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}; give the path of a .safetensors file")
    try:
        with package.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            others = file.metadata() or {}
    except package.SafetensorError as error:
        raise ValueError(
            f"{path} is damaged or no safetensors file ({error}); copy or download it again"
        ) from error
    # safetensors notes further names of a tensor among the texts: the name, and the one it is under
    return tensors | {name: tensors[kept] for name, kept in others.items() if kept in tensors}


def _package(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            "weights in .safetensors files need the package safetensors: "
            "pip install 'arseg_lightning[hub]'"
        ) from error
