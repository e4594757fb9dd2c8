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


def ratios(published: Published) -> list[str]:
    """The resolution ratios of the stored arrays, as their names spell them."""
    names = [name for name in published.arrays if name.startswith("lr_feature_")]
    assert names
    return [name.removeprefix("lr_feature_") for name in names]


def assert_same(ours: Tensor, stored: Tensor) -> None:
    assert_close(ours, stored, worst=1e-4, typical=1e-5)


def assert_same_after_attention(ours: Tensor, stored: Tensor) -> None:
    """The same, but for a few pixels of the network at stride 1.

    The attention's logits are not scaled and reach thousands there, so that the last bit of a
    float32 feature can decide between two neighbours: the number of threads alone moves single
    pixels by 1.4e-4, while float64 moves them by 3e-4.
    """
    assert_close(ours, stored, worst=1e-3, typical=1e-5)
    assert ((ours - stored).abs() < 1e-4 * stored.std()).float().mean() > 0.999


def assert_close(ours: Tensor, stored: Tensor, *, worst: float, typical: float) -> None:
    """In units of the stored array's standard deviation; typical is the root mean square."""
    assert ours.shape == stored.shape
    error = (ours - stored) / stored.std()
    assert error.abs().max() < worst
    assert error.square().mean().sqrt() < typical


def scores(network: Segmentor, logits: Tensor) -> Tensor:
    """The published decoder network ends in a log-softmax, ours in logits."""
    return logits.log_softmax(1) if isinstance(network, PSPNet18) else logits
