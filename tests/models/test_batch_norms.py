"""Synchronised batch norms, and what Lightning leaves of them, are batch norms like others."""

import pytest
import torch
from lightning.pytorch.plugins import TorchSyncBatchNorm
from torch import nn

from arseg_lightning.inference.algebra import fold_batch_norms
from arseg_lightning.models import BiSeNet18, PSPNet18
from arseg_lightning.models.blocks import AnyBatchNorm
from experiments.reproduction.arseg.counting import paper_macs

IMAGE = torch.linspace(-1, 1, 3 * 64 * 96).reshape(1, 3, 64, 96)


def synchronised(network):
    return TorchSyncBatchNorm().apply(network)


def after_training(network):
    return TorchSyncBatchNorm().revert(synchronised(network))


def norms_left(network):
    return [name for name, m in network.named_modules() if isinstance(m, AnyBatchNorm)]


@pytest.mark.parametrize("network", [BiSeNet18, PSPNet18])
@pytest.mark.parametrize("change", [synchronised, after_training])
def test_a_network_keeps_its_weights_and_its_output(network, change):
    plain = network(3, width=0.25).eval()
    keys, expected = list(plain.state_dict()), plain(IMAGE)
    changed = change(plain)
    assert list(changed.state_dict()) == keys
    assert not any(isinstance(module, nn.BatchNorm2d) for module in changed.modules())
    assert torch.equal(changed.eval()(IMAGE), expected)


def test_norms_that_stand_still_stay_so():
    network = BiSeNet18(3, width=0.25).requires_grad_(False).eval()
    norms = [m for m in synchronised(network).modules() if isinstance(m, nn.SyncBatchNorm)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert not any(norm.weight.requires_grad for norm in norms)


@pytest.mark.parametrize("change", [synchronised, after_training])
def test_they_are_folded_like_others(change):
    plain, network = BiSeNet18(3, width=0.25).eval(), change(BiSeNet18(3, width=0.25)).eval()
    expected = network(IMAGE)
    for each in (plain, network):
        fold_batch_norms(each)
    assert norms_left(network) == norms_left(plain)  # those of the training-only heads
    torch.testing.assert_close(network(IMAGE), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("change", [synchronised, after_training])
def test_they_cost_as_much_in_the_paper(change):
    x = torch.zeros(1, 8, 4, 4)
    norms = [nn.BatchNorm2d(8), change(nn.Sequential(nn.BatchNorm2d(8)))[0]]
    assert paper_macs(norms[0], x, x) == paper_macs(norms[1], x, x) > 0
