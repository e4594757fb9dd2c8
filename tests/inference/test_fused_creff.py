"""The kernel of CReFF reads the weights that the module has, whatever became of them."""

import copy
import io

import pytest
import torch
from torch import nn

from arseg_lightning import native
from arseg_lightning.inference.folded_creff import FoldedCReFF, FusedCReFF
from arseg_lightning.propagation import CReFF

pytestmark = pytest.mark.skipif(
    native.load("fused_creff") is None, reason=f"no kernels in C here: {native.status()}"
)


def modules(seed=0):
    """The same in plain PyTorch and by the kernel, of the same weights."""
    torch.manual_seed(seed)
    fusion, classifier = CReFF(16, window=3), nn.Conv2d(16, 5, 1)
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.2)
    return [kind(fusion, classifier, "exact") for kind in (FoldedCReFF, FusedCReFF)]


@torch.inference_mode()
def run(module):
    generator = torch.Generator().manual_seed(1)
    low, key = (torch.randn(1, 16, *size, generator=generator) for size in ((6, 9), (12, 18)))
    return module(low, key, torch.randn(1, 2, 48, 72, generator=generator) * 4)


def test_moved_and_converted_it_reads_the_weights_of_then():
    folded, fused = modules()
    before = run(fused)
    fused.to(torch.bfloat16).float()  # shared with the folded one: rounded in both
    torch.testing.assert_close(run(fused), run(folded), rtol=1e-4, atol=1e-4)
    assert not run(fused).equal(before)


def test_loaded_weights_reach_the_kernel():
    folded, _ = modules(seed=1)
    _, fused = modules(seed=2)
    fused.load_state_dict(folded.state_dict())
    torch.testing.assert_close(run(fused), run(folded), rtol=1e-4, atol=1e-4)


def test_it_can_be_copied_and_saved():
    _, fused = modules()
    file = io.BytesIO()
    torch.save(copy.deepcopy(fused), file)
    file.seek(0)
    torch.testing.assert_close(run(torch.load(file, weights_only=False)), run(fused))


def test_written_weights_reach_the_kernel():
    folded, fused = modules()
    before = run(fused)
    with torch.no_grad():
        fused.value.weight.mul_(2)  # shared with the folded one
    torch.testing.assert_close(run(fused), run(folded), rtol=1e-4, atol=1e-4)
    assert not run(fused).equal(before)
