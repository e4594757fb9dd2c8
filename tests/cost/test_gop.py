"""Golden values: multiply-accumulates of the paper's systems, every layer counted once."""

from __future__ import annotations

import pytest

from arseg_lightning.cost import GopCost
from tests.cost.networks import PAIRS

RATIOS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
HIGH_RES = {
    "camvid-psp18": 308.64,
    "camvid-bise18": 39.12,
    "cityscapes-psp18": 539.98,
    "cityscapes-bise18": 118.34,
}
ARSEG = {
    "camvid-psp18": (260.05, 212.04, 169.68, 132.96, 101.89, 76.48, 56.71),
    "camvid-bise18": (32.84, 26.46, 21.26, 16.53, 12.71, 9.32, 6.89),
    "cityscapes-psp18": (451.62, 365.91, 291.69, 226.20, 170.89, 128.02, 92.52),
    "cityscapes-bise18": (99.59, 81.34, 64.58, 50.65, 38.05, 28.69, 21.11),
}
NONKEY_AT_HALF = {
    "camvid-psp18": 83.10,
    "camvid-bise18": 10.30,
    "cityscapes-psp18": 137.33,
    "cityscapes-bise18": 30.75,
}


@pytest.mark.parametrize("name", PAIRS)
def test_high_res_network_on_every_frame(name):
    cost = PAIRS[name].every_frame("exact")
    assert cost.mean_gmacs == pytest.approx(HIGH_RES[name], rel=5e-3)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", PAIRS)
def test_average_over_twelve_frames(name, ratio):
    cost = PAIRS[name].arseg("exact", ratio)
    assert cost.mean_gmacs == pytest.approx(ARSEG[name][RATIOS.index(ratio)], rel=5e-3)


@pytest.mark.parametrize("name", PAIRS)
def test_frame_between_keyframes_at_half_resolution(name):
    cost = PAIRS[name].arseg("exact", 0.5)
    assert cost.nonkey_gmacs == pytest.approx(NONKEY_AT_HALF[name], rel=5e-3)
    assert cost.key_gmacs == pytest.approx(HIGH_RES[name], rel=5e-3)


def test_mean_weighs_one_keyframe_against_the_others():
    assert GopCost(key_macs=100, nonkey_macs=10, keyframe_interval=4).mean_macs == 130 / 4
    assert GopCost(key_macs=100, nonkey_macs=10, keyframe_interval=1).mean_macs == 100


def test_an_interval_has_at_least_its_keyframe():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        GopCost(key_macs=1, nonkey_macs=1, keyframe_interval=0)
