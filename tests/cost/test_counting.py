from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


class Attention(nn.Module):
    """Attention by PyTorch's function: a module without weights."""

    def forward(self, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, x, x)


class SelfAttention(nn.MultiheadAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=False)[0]


class Tokens(nn.Module):
    """Weights that are added, around a layer that multiplies."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(6, 4))
        self.inner = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x + self.position)


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), (2, 3, 5, 7), 2 * 8 * 5 * 7 * 27),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), (1, 8, 4, 4), 8 * 16 * 9),
        (nn.Conv2d(3, 8, 3, stride=2), (1, 3, 9, 9), 8 * 16 * 27),
        (nn.Linear(6, 5), (4, 6), 4 * 30),
        (nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), (1, 3, 4, 4), 0),
        (nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1), (2, 6, 5, 7), 2 * 6 * 35 * 4 * 16),
        (nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2), (1, 6, 5, 7), 6 * 35 * 2 * 4),
        (Attention(), (2, 3, 10, 8), 2 * 3 * 2 * 10 * 10 * 8),
        (SelfAttention(16, 4, batch_first=True), (2, 10, 16), 2 * (4 * 10 * 256 + 2 * 100 * 16)),
        (nn.LSTM(8, 16), (5, 2, 8), 5 * 2 * 4 * 16 * (8 + 16)),
        (Tokens(), (6, 4), 6 * 4 * 5),
        (Window(), (2, 4), 2000),
        (nn.Sequential(Window(), nn.Linear(4, 5)), (2, 4), 2000 + 2 * 20),
    ],
    ids=[
        *("conv", "depthwise", "stride", "linear", "nothing to multiply", "transposed"),
        *("transposed in groups", "attention", "multi-head attention", "recurrent"),
        *("added weights", "its own cost", "beside its own cost"),
    ],
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


def test_a_layer_of_which_nothing_is_counted_is_refused_by_name():
    class Pair(nn.Bilinear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x, x)

    with pytest.raises(ValueError, match=r"in a call of Pair, .* give it a method macs\(x, output"):
        count_macs(Pair(4, 4, 2), torch.empty(1, 4))
