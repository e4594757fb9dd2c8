"""Window attention by gathered tiles: the same as the attention that it stands for."""

import pytest
import torch
from torch import nn

from arseg_lightning.inference import Optimisations
from arseg_lightning.propagation import WindowAttention
from arseg_lightning.propagation.gathered_attention import (
    GatheredWindowAttention,
    Tiles,
    gather_attention,
)
from tests.export.made import tiny_arseg


def parts(size, channels=(6, 6, 6), batch=1):
    return [torch.randn(batch, c, *size) for c in channels]


@pytest.mark.parametrize("size", [(1, 1), (4, 8), (5, 9), (13, 29)])
@pytest.mark.parametrize("window", [1, 3, 7])
@pytest.mark.parametrize("zero_padding", [True, False])
def test_it_is_window_attention(size, window, zero_padding):
    attention = WindowAttention(window, zero_padding)
    inputs = parts(size)
    torch.testing.assert_close(
        GatheredWindowAttention(attention)(*inputs), attention(*inputs), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("zero_padding", [True, False])
def test_the_prior_is_the_same(zero_padding):
    attention = WindowAttention(5, zero_padding, prior_sigma=1.5)
    inputs = parts((11, 18))
    torch.testing.assert_close(GatheredWindowAttention(attention)(*inputs), attention(*inputs))


def test_values_may_have_channels_of_their_own_and_come_in_batches():
    attention = WindowAttention(7)
    inputs = parts((9, 17), channels=(6, 6, 3), batch=2)
    torch.testing.assert_close(
        GatheredWindowAttention(attention)(*inputs), attention(*inputs), atol=1e-5, rtol=1e-5
    )


def test_large_images_are_not_written_out_in_more_steps_than_32():
    for size in ((360, 480), (1024, 2048), (4000, 6)):
        tiles = Tiles(size, margin=3)
        bands = tiles.bands()
        assert len(bands) <= 32
        assert [row for band in bands for row in range(tiles.rows)[band]] == [*range(tiles.rows)]


def test_attention_is_replaced_under_every_name_it_has():
    method = tiny_arseg().for_inference(Optimisations(fused_fusion=False))
    assert any(isinstance(part, WindowAttention) for part in method.modules())
    gather_attention(method)
    assert not any(isinstance(part, WindowAttention) for part in method.modules())


def test_other_modules_stay():
    network = nn.Sequential(nn.ReLU(), WindowAttention(3))
    gather_attention(network)
    assert [type(part).__name__ for part in network] == ["ReLU", "GatheredWindowAttention"]
