"""Tensors by name from any PyTorch file, read without running code from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["load_matching", "read_checkpoint", "read_content"]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network")
"""Names under which training loops keep the weights beside the epoch and the optimiser."""


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a Lightning checkpoint, a published one or a saved state dict.

    The weights may stand at the top of the file or under one of the usual names (``state_dict``,
    ``model``, …). The prefix ``module.``, which data-parallel training leaves in the published
    files, is dropped.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds no state dict.
    """
    content = read_content(path)
    tensors: dict[str, Tensor] = {}
    if isinstance(content, Mapping):
        # The first wrapper that holds some counts, else the top of the file.
        for state in (*(content.get(name) for name in _WRAPPERS), content):
            if isinstance(state, Mapping) and not tensors:
                tensors = {
                    name: value
                    for name, value in state.items()
                    if isinstance(value, Tensor) and isinstance(name, str)
                }
    if not tensors:
        found = f"a {type(content).__name__}"
        if isinstance(content, dict):
            found = f"a dictionary with {[str(key) for key in list(content)[:5]]}"
        raise ValueError(
            f"{path} holds no weights: expected tensors by name, or a dictionary with "
            f"'state_dict', found {found}; give a checkpoint of a network"
        )
    return {name.removeprefix("module."): value for name, value in tensors.items()}


def read_content(path: str | Path, map_location: Any = "cpu") -> Any:
    """Read all of a PyTorch file that is tensors and plain values, without running code from it.

    Args:
        path: The file.
        map_location: Where the tensors go, as for ``torch.load``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or holds other objects.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; give the path of a .ckpt or .pth file")
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        problem = "is damaged or no PyTorch checkpoint; copy or download it again"
        if "can still be loaded" in str(error):  # bytes are fine, but PyTorch will not build them
            problem = (
                "holds objects beside tensors and plain values, and building them may run code "
                "from the file; save it again with nothing but a state dict"
            )
        raise ValueError(f"{path} {problem}") from error


def load_matching(module: nn.Module, found: dict[str, Tensor], claim: str, remedy: str) -> None:
    """Load weights whose names and shapes are those of a module.

    Raises:
        ValueError: If they are not: a claim about the file, what differs, and a remedy.
    """
    expected = module.state_dict()
    # Files from before PyTorch 0.4.1 have no batch counters; they say nothing that matters here.
    missing = [k for k in expected if k not in found and not k.endswith("num_batches_tracked")]
    unknown = [k for k in found if k not in expected]
    misshapen = [
        f"{k} is {tuple(v.shape)} instead of {tuple(expected[k].shape)}"
        for k, v in found.items()
        if k in expected and v.shape != expected[k].shape
    ]
    problems = {"missing": missing, "unknown": unknown, "of another shape": misshapen}
    told = []
    for what, names in problems.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        if names:
            told.append(f"{what}: {', '.join(names[:3])}{more}")
    if told:
        raise ValueError(f"{claim} ({'; '.join(told)}); {remedy}")
    module.load_state_dict(found, strict=False)  # all has been checked but old files' counters
