"""Golden values: the figures that the paper's slides print, reproduced from our modules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from arseg_lightning.models import BiSeNet18
from experiments.reproduction.arseg.cost import recipe_cost
from experiments.reproduction.arseg.counting import paper_macs, paper_segmentor_macs
from experiments.reproduction.arseg.paper import Recipe
from tests.cost.networks import PAIRS

NETWORKS = {
    ("camvid-psp18", 1.0): 309.02,
    ("camvid-psp18", 0.5): 77.27,
    ("camvid-bise18", 1.0): 58.83,
    ("cityscapes-psp18", 1.0): 560.97,
    ("cityscapes-bise18", 1.0): 178.96,
}
ARSEG = {
    ("camvid-psp18", 0.7): 169.86,
    ("camvid-psp18", 0.6): 133.09,
    ("camvid-psp18", 0.5): 101.98,
    ("camvid-bise18", 0.7): 31.89,
    ("camvid-bise18", 0.6): 24.68,
    ("camvid-bise18", 0.5): 18.96,
    ("cityscapes-psp18", 0.7): 302.95,
    ("cityscapes-psp18", 0.6): 234.91,
    ("cityscapes-psp18", 0.5): 177.44,
    ("cityscapes-bise18", 0.7): 97.10,
    ("cityscapes-bise18", 0.6): 76.06,
    ("cityscapes-bise18", 0.5): 57.00,
}


def as_the_paper(name, **recipe):
    pair = PAIRS[name]
    recipe = Recipe(pair.network.__name__, **recipe)
    return recipe_cost(recipe, pair.num_classes, pair.size, "paper")


@pytest.mark.parametrize(("name", "ratio"), NETWORKS)
def test_slides_networks(name, ratio):
    cost = as_the_paper(name, method="per_frame", resolution_ratio=ratio)
    assert cost.mean_gmacs == pytest.approx(NETWORKS[name, ratio], rel=1e-3)


@pytest.mark.parametrize(("name", "ratio"), ARSEG)
def test_slides_averages(name, ratio):
    cost = as_the_paper(name, resolution_ratio=ratio)
    assert cost.mean_gmacs == pytest.approx(ARSEG[name, ratio], rel=1e-3)


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


def test_a_network_that_the_paper_does_not_have_is_refused():
    class Other(BiSeNet18):
        pass

    with pytest.raises(
        ValueError, match=r"defined for PSPNet18, .* got Other; use counting='exact'"
    ):
        paper_segmentor_macs(Other(3, width=0.125), torch.empty(1, 3, 64, 64, device="meta"))
