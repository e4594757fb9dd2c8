"""Weights for a ResNet-18 in torchvision's format, from a file or from torchvision's address."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from arseg_lightning.models.weight_file import read_checkpoint

__all__ = ["IMAGENET_RESNET18_URL", "load_resnet18_weights"]

IMAGENET_RESNET18_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
"""The ImageNet-1k weights that torchvision publishes."""


def load_resnet18_weights(backbone: nn.Module, source: str) -> None:
    """Load a ResNet-18 from a file in torchvision's format, of any floating-point type.

    Args:
        backbone: Receives the weights.
        source: Path of the file; or ``imagenet`` for the weights that torchvision publishes,
            downloaded once and kept in PyTorch's own cache.

    Raises:
        FileNotFoundError: If there is no such file.
        ConnectionError: If the download fails or arrives damaged.
        ValueError: If the file is not a ResNet-18: names and shapes must all match, only the
            classifier (``fc``) is left out.
    """
    state = _download() if source == "imagenet" else _read(Path(source))
    kept = {key: value for key, value in state.items() if not key.startswith("fc.")}
    _check(backbone.state_dict(), kept, source)
    backbone.load_state_dict(kept, strict=False)


def _download() -> dict[str, Tensor]:
    try:
        return dict(
            torch.hub.load_state_dict_from_url(
                IMAGENET_RESNET18_URL, map_location="cpu", check_hash=True, weights_only=True
            )
        )
    except (OSError, RuntimeError) as error:  # no connection; a damaged download
        raise ConnectionError(
            f"could not download {IMAGENET_RESNET18_URL} ({error}); download it elsewhere and "
            "give the file's path as pretrained, or set pretrained to null"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(
            f"no pretrained weights at {path}; give a ResNet-18 file in torchvision's format, "
            "'imagenet' to download torchvision's, or null to start from random weights"
        )
    return read_checkpoint(path)


def _check(expected: dict[str, Tensor], found: dict[str, Tensor], source: str) -> None:
    """Raise unless the names and shapes are those of the backbone."""
    # Files from before PyTorch 0.4.1 have no batch counters; they say nothing that matters here.
    missing = [k for k in expected if k not in found and not k.endswith("num_batches_tracked")]
    unknown = [k for k in found if k not in expected]
    misshapen = [
        f"{k} is {tuple(v.shape)} instead of {tuple(expected[k].shape)}"
        for k, v in found.items()
        if k in expected and v.shape != expected[k].shape
    ]
    problems = {"missing": missing, "unknown": unknown, "of another shape": misshapen}
    found_problems = [f"{what}: {_some(names)}" for what, names in problems.items() if names]
    if found_problems:
        raise ValueError(
            f"{source} is not a ResNet-18 in torchvision's format ({'; '.join(found_problems)}); "
            "give a file with the keys of torchvision.models.resnet18"
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
