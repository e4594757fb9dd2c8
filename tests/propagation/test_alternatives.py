"""The fusions that CReFF is compared with."""

import pytest
import torch
from torch.nn import functional as F

from arseg_lightning.cost import count_macs
from arseg_lightning.propagation import ConvFusion, CReFF, GlobalAttention, NoFusion
from arseg_lightning.propagation.fusion import upsample

LOW, WARPED = torch.randn(2, 6, 5, 7), torch.randn(2, 6, 10, 13)


def test_no_fusion_is_the_low_resolution_feature():
    assert NoFusion(6)(LOW, WARPED) is LOW
    assert not list(NoFusion(6).parameters())


def test_conv_fusion_starts_near_the_mean_of_both():
    fused = ConvFusion(6)(LOW, WARPED)
    mean = (upsample(LOW, WARPED) + WARPED) / 2
    assert fused.shape == WARPED.shape
    inside = (..., slice(1, -1), slice(1, -1))
    assert (fused - mean)[inside].abs().mean() < 0.2 * mean.abs().mean()


def test_global_attention_compares_with_every_reduced_place():
    fusion = GlobalAttention(6, reduction=2)
    upsampled = upsample(LOW, WARPED)
    query = fusion.query(upsampled).flatten(2)
    key, value = (
        F.interpolate(part(WARPED), size=(5, 6), mode="bilinear").flatten(2)
        for part in (fusion.key, fusion.value)
    )
    weights = (torch.einsum("bcq,bck->bqk", query, key) / 6**0.5).softmax(dim=-1)
    attended = torch.einsum("bqk,bck->bcq", weights, value).reshape(upsampled.shape)
    torch.testing.assert_close(fusion(LOW, WARPED), upsampled + attended)


def test_one_key_for_everything_adds_the_same_everywhere():
    fusion = GlobalAttention(6, reduction=1000)
    added = fusion(LOW, WARPED) - upsample(LOW, WARPED)
    torch.testing.assert_close(added, added[..., :1, :1].expand_as(added))


def test_a_reduction_below_one_is_refused():
    with pytest.raises(ValueError, match=r"at least 1, got 0\.5"):
        GlobalAttention(6, reduction=0.5)


@pytest.mark.parametrize("kind", [ConvFusion, GlobalAttention])
def test_every_weight_and_both_features_get_a_gradient(kind):
    low, warped = (part.clone().requires_grad_() for part in (LOW, WARPED))
    fusion = kind(6, reduction=2) if kind is GlobalAttention else kind(6)
    fusion(low, warped).square().sum().backward()
    for name, part in [("low", low), ("warped", warped), *fusion.named_parameters()]:
        if name == "key.bias":  # the same for all keys, so softmax does not see it
            continue
        assert part.grad is not None
        assert part.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("fusion", "macs_per_pixel"),
    [
        (NoFusion(64), 0),
        (ConvFusion(64), 128 * 64 * 9),
        (CReFF(64, projection="full"), 3 * 64 * 64 * 9 + 2 * 49 * 64),
        (CReFF(64, window=11), 27 * 64 + 2 * 121 * 64),
        (CReFF(64, direct_connection=False), 27 * 64 + 2 * 49 * 64),
        (GlobalAttention(64, reduction=10), 27 * 64 + 2 * (3 * 4) * 64),
    ],
)
def test_what_they_cost(fusion, macs_per_pixel):
    low, warped = torch.empty(1, 64, 15, 20), torch.empty(1, 64, 30, 40)
    assert count_macs(fusion, low, warped) == macs_per_pixel * 30 * 40
