"""What the ablations cost: each overlay's parts, counted by hand."""

from pathlib import Path

import pytest

from arseg_lightning.cost import method_cost
from arseg_lightning.tasks.experiment import Experiment

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


# Mean GMACs a frame of CamVid PSPNet18 (720x960, 11 classes) behind each ablation: what its parts
# add up to, every layer counted once.
ABLATIONS = {
    "no_creff": 96.45,
    "no_motion": 101.84,
    "motion_integer": 101.84,
    "motion_unrefined": 101.84,
    "distance_last": 101.84,
    "window_3": 98.60,
    "window_11": 107.68,
    "full_projection": 170.82,
    "global_attention": 151.40,
    "conv_fusion": 143.50,
    "no_direct_connection": 101.84,
    "local_prior": 101.84,
    "carried_start": 101.84,
    "gate": 101.84,
    "low_res_every_2": 60.57,
    "before_task": 221.98,
    "before_features": 307.80,
    "fst_none": 101.84,
    "fst_shared": 101.84,
    "fst_mse": 101.84,
    "fst_kl": 101.84,
    "interval_4": 139.44,
    "interval_6": 120.64,
    "interval_15": 98.08,
    "interval_20": 94.33,
    "interval_24": 92.45,
    "interval_30": 90.57,
    "ratio_0.3": 56.67,
    "ratio_0.4": 76.44,
    "ratio_0.6": 132.92,
    "ratio_0.7": 169.64,
    "ratio_0.8": 212.00,
    "ratio_0.9": 260.01,
    "motion_only": 26.17,
}


def test_every_ablation_has_an_expected_cost():
    assert {path.stem for path in (EXPERIMENTS / "ablations").glob("*.yaml")} == set(ABLATIONS)


# More of a kind: other numbers in the same places, or what costs nothing.
LIKE_ANOTHER = (
    *("motion_unrefined", "window_3", "distance_last", "fst_shared", "fst_mse", "fst_kl"),
    *("interval_4", "interval_6", "interval_15", "interval_20", "interval_24"),
    *("ratio_0.3", "ratio_0.4", "ratio_0.6", "ratio_0.7", "ratio_0.8"),
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in LIKE_ANOTHER else name
        for name in ABLATIONS
    ],
)
def test_an_ablation_costs_what_its_parts_add_up_to(name):
    folder = EXPERIMENTS / "camvid"
    if name == "motion_only":
        whole = [folder / "psp18_high.yaml"]
    else:
        whole = [folder / "psp18_ar.yaml", folder / "paper_settings.yaml"]
    experiment = Experiment([*whole, EXPERIMENTS / "ablations" / f"{name}.yaml"])
    own = list(experiment.methods().values())[-1]
    cost = method_cost(own, (720, 960))
    assert cost.mean_gmacs == pytest.approx(ABLATIONS[name], abs=0.02)
