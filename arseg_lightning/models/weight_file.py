"""Tensors by name, out of any PyTorch file, without running code from it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

__all__ = ["read_checkpoint"]


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a Lightning checkpoint, a published one or a saved state dict.

    The prefix ``module.``, which data-parallel training leaves in the published files, is dropped.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; give the path of a .ckpt or .pth file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise ValueError(f"{path} {_problem(error)}") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not any(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(
            f"{path} holds no weights: expected tensors by name, or a dictionary with "
            f"'state_dict', found {_describe(content)}; give a checkpoint of a network"
        )
    return {k.removeprefix("module."): v for k, v in state.items() if isinstance(v, Tensor)}


def _problem(error: Exception) -> str:
    """Tell objects that PyTorch will not build from bytes that it cannot read."""
    if "can still be loaded" in str(error):
        return (
            "holds objects beside tensors and plain values, and building them may run code from "
            "the file; save it again with nothing but a state dict"
        )
    return "is damaged or no PyTorch checkpoint; copy or download it again"


def _describe(content: object) -> str:
    if isinstance(content, dict):
        return f"a dictionary with {[str(key) for key in list(content)[:5]]}"
    return f"a {type(content).__name__}"
