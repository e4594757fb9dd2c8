"""The rules of the profiling tool; test_paper.py has what follows from them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from experiments.reproduction.arseg.counting import paper_macs


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (nn.Conv2d(4, 2, 1), 2 * 72 * 5),
        (nn.Conv2d(4, 2, 1, bias=False), 2 * 72 * 4),
        (nn.BatchNorm2d(4), 2 * 4 * 72),
        (nn.AdaptiveAvgPool2d(2), (4 * 4 + 1) * 4 * 4),
        (nn.ReLU(), 0),
    ],
    ids=["bias", "no bias", "norm", "pooling", "activation"],
)
def test_rules_of_the_profiling_tool(layer, macs):
    x = torch.empty(1, 4, 8, 9)
    assert paper_macs(layer, x, layer(x)) == macs
