"""Golden values: multiply-accumulates of the paper's methods, every layer counted once."""

from __future__ import annotations

import pytest

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
    cost = PAIRS[name].per_frame()
    assert cost.mean_gmacs == pytest.approx(HIGH_RES[name], rel=5e-3)


@pytest.mark.parametrize(
    "ratio",
    [r if r == 0.5 else pytest.param(r, marks=pytest.mark.slow) for r in RATIOS],
)
@pytest.mark.parametrize("name", PAIRS)
def test_average_over_twelve_frames(name, ratio):
    cost = PAIRS[name].arseg(ratio)
    assert cost.mean_gmacs == pytest.approx(ARSEG[name][RATIOS.index(ratio)], rel=5e-3)


@pytest.mark.parametrize("name", PAIRS)
def test_frame_between_keyframes_at_half_resolution(name):
    cost = PAIRS[name].arseg(0.5)
    assert cost.role_gmacs["nonkeyframe"] == pytest.approx(NONKEY_AT_HALF[name], rel=5e-3)
    assert cost.role_gmacs["keyframe"] == pytest.approx(HIGH_RES[name], rel=5e-3)
