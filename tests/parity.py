"""The published networks' inputs, outputs and weights (made by a recipe), where they are."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from arseg_lightning.models import BiSeNet18, PSPNet18, PSPNet18Stride8, Segmentor

PARITY = Path(__file__).resolve().parents[2] / "shared" / "parity"
PUBLISHED: dict[str, tuple[type[Segmentor], int]] = {
    "camvid-psp18": (PSPNet18, 12),
    "camvid-bise18": (BiSeNet18, 12),
    "cityscapes-psp18": (PSPNet18Stride8, 19),
}


@dataclass(frozen=True)
class Published:
    """One published network: our class for it, its two files, and what came out of it."""

    name: str
    network: type[Segmentor]
    num_classes: int
    high_file: Path
    low_file: Path
    arrays: dict[str, Tensor]

    def build(self) -> Segmentor:
        return self.network(self.num_classes).eval()


@pytest.fixture(scope="session", params=list(PUBLISHED))
def published(request, tmp_path_factory):
    name = request.param
    if not PARITY.is_dir():
        pytest.skip(f"the published networks' inputs and outputs are not at {PARITY}")
    keys = json.loads((PARITY / f"{name}.keys.json").read_text())
    folder = tmp_path_factory.mktemp(name)
    for role, prefix in (("hr", ""), ("ar", "ar.")):
        state = {f"module.{k}": recipe(prefix + k, shape) for k, shape in keys[role].items()}
        torch.save(state, folder / f"{role}.pth")
    with np.load(PARITY / f"{name}.npz") as stored:
        arrays = {key: torch.from_numpy(stored[key]) for key in stored}
    return Published(name, *PUBLISHED[name], folder / "hr.pth", folder / "ar.pth", arrays)


def recipe(name: str, shape: list[int]) -> Tensor:
    """The weights with which the outputs were made."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    if name.endswith("running_var"):
        return 1 + 0.2 * torch.rand(shape, generator=generator)
    if name.endswith("running_mean"):
        return 0.1 * torch.randn(shape, generator=generator)
    if len(shape) >= 2:
        value = torch.randn(shape, generator=generator)
        return value * (1.6 / value[0].numel()) ** 0.5
    if name.endswith("bias"):
        return 0.1 * torch.randn(shape, generator=generator)
    return 1 + 0.1 * torch.randn(shape, generator=generator)
