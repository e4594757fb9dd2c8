import pytest
import torch
from torch.nn import functional as F

from arseg_lightning.cost import count_macs
from arseg_lightning.propagation import CReFF
from benchmarks.window_attention import unfold_attention


def features(channels=6, low=(5, 7), high=(10, 13)):
    return torch.randn(2, channels, *low), torch.randn(2, channels, *high)


def upsample(low, warped):
    return F.interpolate(low, size=warped.shape[2:], mode="bilinear", align_corners=True)


def test_without_values_it_is_the_upsampled_low_resolution_feature():
    low, warped = features()
    fusion = CReFF(6)
    torch.nn.init.zeros_(fusion.value.weight)
    assert torch.equal(fusion(low, warped), upsample(low, warped))


def test_low_resolution_asks_and_the_keyframe_answers():
    low, warped = features()
    fusion = CReFF(6, window=5)
    upsampled = upsample(low, warped)
    answer = unfold_attention(
        fusion.query(upsampled), fusion.key(warped), fusion.value(warped), window=5
    )
    torch.testing.assert_close(fusion(low, warped), upsampled + answer)


def test_every_weight_and_both_features_get_a_gradient():
    low, warped = (part.requires_grad_() for part in features())
    fusion = CReFF(6)
    fusion(low, warped).square().sum().backward()
    for part in (low, warped, *fusion.parameters()):
        assert part.grad is not None
        assert part.grad.abs().sum() > 0


@pytest.mark.parametrize(("channels", "parameters"), [(64, 1920), (256, 7680), (512, 15360)])
def test_it_adds_as_few_parameters_as_published(channels, parameters):
    assert sum(part.numel() for part in CReFF(channels).parameters()) == parameters


def test_the_published_start_has_weights_of_one_third_and_no_bias():
    fusion = CReFF(512, start="paper")
    for convolution in (fusion.query, fusion.key, fusion.value):
        assert convolution.weight.detach().std() == pytest.approx(1 / 3, rel=0.05)
        assert not convolution.bias.any()


def test_at_the_start_half_of_a_uniform_keyframe_is_added():
    low, _ = features()
    warped = torch.randn(2, 6, 1, 1).expand(2, 6, 10, 13)
    fused = CReFF(6, window=3, zero_padding=False)(low, warped)
    torch.testing.assert_close(fused, upsample(low, warped) + 0.5 * warped)


def test_a_gain_of_zero_starts_as_the_keyframe_and_learns_what_is_added():
    low, _ = features()
    warped = torch.randn(2, 6, 1, 1).expand(2, 6, 10, 13)
    fusion = CReFF(6, window=3, zero_padding=False, low_res_gain=0)
    fused = fusion(low, warped)
    torch.testing.assert_close(fused, warped.contiguous())
    fused.square().sum().backward()
    assert fusion.gain.grad.abs().min() > 0


def test_a_gain_scales_each_channel_of_what_is_added():
    low, warped = features()
    fusion, plain = CReFF(6, low_res_gain=0.25), CReFF(6)
    with torch.no_grad():
        fusion.gain[2] = 3.0
        plain.value.weight.copy_(fusion.value.weight)
    added = fusion(low, warped) - plain(low, warped) + upsample(low, warped)
    expected = 0.25 * upsample(low, warped)
    expected[:, 2] *= 12
    torch.testing.assert_close(added, expected)


def test_a_gain_without_what_it_is_of_is_refused():
    with pytest.raises(ValueError, match=r"low_res_gain 0\.1 is a factor"):
        CReFF(8, low_res_gain=0.1, direct_connection=False)


@pytest.mark.parametrize(
    ("channels", "size", "gmacs"),
    [(64, (720, 960), 5.5296), (256, (90, 120), 0.3456), (512, (128, 256), 2.0972)],
)
def test_it_costs_what_the_paper_says(channels, size, gmacs):
    low = torch.empty(1, channels, size[0] // 2, size[1] // 2, device="meta")
    warped = torch.empty(1, channels, *size, device="meta")
    assert count_macs(CReFF(channels), low, warped) / 1e9 == pytest.approx(gmacs, rel=1e-4)


def test_under_autocast_it_stays_close_to_full_precision():
    low, warped = features(channels=16)
    fusion = CReFF(16)
    with torch.autocast("cpu", torch.bfloat16):
        short = fusion(low, warped)
    torch.testing.assert_close(short.float(), fusion(low, warped), rtol=0.1, atol=0.1)


def test_an_even_window_is_refused():
    with pytest.raises(ValueError, match="odd; got window=6"):
        CReFF(8, window=6)


def test_without_direct_connection_only_the_answer_is_left():
    low, warped = features()
    fusion = CReFF(6)
    whole = fusion(low, warped)
    fusion.direct_connection = False
    torch.testing.assert_close(fusion(low, warped), whole - upsample(low, warped))


def test_full_projections_start_as_depthwise_ones_do():
    low, warped = features()
    full, depthwise = CReFF(6, projection="full"), CReFF(6)
    torch.testing.assert_close(full(low, warped), depthwise(low, warped))
    assert full.query.weight.shape == (6, 6, 3, 3)
