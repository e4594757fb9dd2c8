"""Networks that run on blocks: the same numbers as on whole maps that are mixed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import BlockCopy
from arseg_lightning.models import BiSeNet18, FANet18, PSPNet18, PSPNet18Stride8, SwiftNet
from arseg_lightning.propagation.blocks import run_on_blocks, sample_blocks

GRID = (3, 4)
NETWORKS = (SwiftNet, BiSeNet18, PSPNet18)


def network_of(kind):
    torch.manual_seed(0)
    network = kind(5, width=0.125).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network


def grids():
    """All blocks, half of them, a few, none."""
    yield torch.ones(2, 1, *GRID, dtype=torch.bool)
    for share in (0.5, 0.1, 0.0):
        yield sample_blocks(torch.full((2, 1, *GRID), share), rounds=False)


@pytest.mark.parametrize("upsampling", ["exact", "released"])
@pytest.mark.parametrize("kind", NETWORKS)
@torch.no_grad()
def test_executed_blocks_alone_give_what_mixed_maps_give(kind, upsampling):
    network, kept = network_of(kind), {"sparse": {}, "dense": {}}
    for executed in grids():
        image, scores = torch.randn(2, 3, 96, 128), {}
        for execution in kept:
            output, kept[execution] = run_on_blocks(
                network, image, executed, kept[execution], execution, upsampling
            )
            scores[execution] = output.scores
        scale = float(scores["dense"].std())
        torch.testing.assert_close(scores["sparse"], scores["dense"], rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize("kind", NETWORKS)
@torch.no_grad()
def test_all_blocks_are_the_network(kind):
    network, image = network_of(kind), torch.randn(1, 3, 96, 128)
    executed = torch.ones(1, 1, *GRID, dtype=torch.bool)
    plain = network.output(image).scores
    for execution in ("sparse", "dense"):
        output, _ = run_on_blocks(network, image, executed, {}, execution)
        scale = float(plain.std())
        torch.testing.assert_close(output.scores, plain, rtol=0, atol=1e-4 * scale)


@torch.no_grad()
def test_a_block_sees_its_neighbours_as_they_were():
    """Far from an executed block nothing changes, in it and near it something does."""
    network, grid = network_of(SwiftNet), torch.ones(1, 1, *GRID, dtype=torch.bool)
    first, kept = run_on_blocks(network, torch.randn(1, 3, 96, 128), grid, {}, "sparse")
    grid = torch.zeros_like(grid)
    grid[..., 0, 0] = True
    then, _ = run_on_blocks(network, torch.randn(1, 3, 96, 128), grid, kept, "sparse")
    changed = (then.scores != first.scores).any(1)[0].unflatten(1, (4, -1)).unflatten(0, (3, -1))
    assert changed.any(1).any(2).nonzero().tolist() == [[0, 0]]


@torch.no_grad()
def test_a_network_that_cannot_be_cut_is_refused_by_name():
    executed = torch.ones(1, 1, *GRID, dtype=torch.bool)
    image = torch.randn(1, 3, 96, 128)
    with pytest.raises(
        ValueError, match=r"FANet18 cannot be cut into blocks: it calls .* SwiftNet"
    ):
        run_on_blocks(network_of(FANet18), image, executed, {})
    with pytest.raises(ValueError, match=r"interpolate with .*align_corners"):
        run_on_blocks(network_of(PSPNet18Stride8Up), image, executed, {})


def test_the_message_names_the_network_and_not_its_fast_form():
    method = BlockCopy(5, lambda _: network_of(FANet18), "random", block_size=32).eval()
    fast = method.for_inference(Optimisations())
    with pytest.raises(ValueError, match="FANet18 cannot be cut into blocks"):
        fast(torch.randn(1, 3, 96, 128))


class PSPNet18Stride8Up(PSPNet18Stride8):
    """Whose feature is enlarged with its corners aligned."""

    def features_and_side(self, image, with_side):
        feature, side = super().features_and_side(image, with_side)
        return nn.functional.interpolate(
            feature, scale_factor=2, mode="bilinear", align_corners=True
        ), side
