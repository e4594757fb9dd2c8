from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from arseg_lightning.cost import count_macs
from arseg_lightning.models import BiSeNet18


class Window(nn.Module):
    """A kernel of its own around a child."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)

    def macs(self, x: Tensor, output: Tensor) -> int:
        return 1000 * output.shape[0]


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), (2, 3, 5, 7), 2 * 8 * 5 * 7 * 27),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), (1, 8, 4, 4), 8 * 16 * 9),
        (nn.Conv2d(3, 8, 3, stride=2), (1, 3, 9, 9), 8 * 16 * 27),
        (nn.Linear(6, 5), (4, 6), 4 * 30),
        (nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), (1, 3, 4, 4), 0),
        (Window(), (2, 4), 2000 + 2 * 16),
    ],
    ids=["conv", "depthwise", "stride", "linear", "nothing to multiply", "its own cost"],
)
def test_a_layer_costs_outputs_times_weights_per_output(layer, shape, macs):
    assert count_macs(layer, torch.empty(shape)) == macs


def test_a_layer_counts_as_often_as_it_is_called():
    conv = nn.Conv2d(2, 2, 1)
    once = count_macs(conv, torch.empty(1, 2, 3, 3))
    assert count_macs(nn.Sequential(conv, conv), torch.empty(1, 2, 3, 3)) == 2 * once


def test_cost_grows_with_the_batch():
    network = BiSeNet18(3, width=0.125)
    one, two = (count_macs(network, torch.empty(n, 3, 64, 64)) for n in (1, 2))
    assert two == 2 * one


def test_counting_leaves_the_module_as_it_was():
    network = BiSeNet18(3, width=0.125).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    count_macs(network, torch.randn(1, 3, 64, 64))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(module.training for module in network.modules())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_layer_without_a_rule_is_refused_by_name():
    with pytest.raises(ValueError, match=r"ConvTranspose2d.* give it a method macs\(x, output\)"):
        count_macs(nn.ConvTranspose2d(2, 2, 2), torch.empty(1, 2, 4, 4))
