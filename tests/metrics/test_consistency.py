"""Temporal consistency of labels, against brute force and by its laws."""

import json
import math

import numpy as np
import pytest

from arseg_lightning.metrics import TemporalConsistency
from arseg_lightning.types import Motion
from tests.parity import PARITY

SIZE = (24, 32)


def shifted(pixels):
    """Labels of a strip that moves to the right, and the motion that says so."""
    labels = np.zeros(SIZE, np.uint8)
    labels[:, 4 + pixels : 12 + pixels] = 1
    return labels


def motion(x, valid=True):
    field = np.zeros((2, *SIZE), np.float32)
    field[0] = x
    return Motion(field, np.full(SIZE, valid))


def test_labels_that_move_with_the_motion_do_not_flicker():
    meter = TemporalConsistency(2)
    for step in range(4):
        meter.add(shifted(3 * step), motion(-3))
    assert meter.flicker == 0


def test_labels_that_change_at_rest_flicker():
    meter = TemporalConsistency(2)
    meter.add(shifted(0), None)
    changed = shifted(0)
    changed[:6] ^= 1
    meter.add(changed, motion(0))
    assert meter.flicker == 6 / 24


def test_what_has_no_vector_does_not_count():
    meter = TemporalConsistency(2)
    meter.add(shifted(0), None)
    meter.add(shifted(5), motion(0, valid=False))
    assert math.isnan(meter.flicker)


def test_the_rounding_of_etcs_script_makes_a_map_of_one_class_flicker():
    """And no other one does; at whole pixels it does not, either."""
    still = np.ones(SIZE, np.uint8)
    flicker = {}
    for variant in ("etc", "masked"):
        for name, xy in (("whole", np.ones(1)), ("fractions", np.linspace(0.1, 0.9, SIZE[1]))):
            meter = TemporalConsistency(2, variant)
            meter.add(still, None)
            meter.add(still, Motion(np.full((2, *SIZE), xy, np.float32), np.ones(SIZE, bool)))
            flicker[variant, name] = meter.flicker
    assert flicker.pop(("etc", "fractions")) > 0
    assert set(flicker.values()) == {0}


@pytest.mark.skipif(not PARITY.is_dir(), reason="needs the shared parity fixtures")
@pytest.mark.parametrize("predictor", ["perfect", "constant", "wrong", "lagged", "noisy", "blocks"])
@pytest.mark.parametrize("flow", ["exact", "fractional"])
def test_it_is_the_brute_force_value_of_the_shared_videos(predictor, flow):
    """There, the next frame is led back to each; so frames are shown the other way round."""
    about = json.loads((PARITY / "video_metrics.json").read_text())
    arrays = np.load(PARITY / "video_metrics.npz")
    meter = TemporalConsistency(about["num_classes"])
    for name in about["videos"]:
        labels = arrays[f"{name}.pred.{predictor}"]
        for index, field in enumerate(arrays[f"{name}.flow_{flow}"].astype(np.float32)):
            meter.add(labels[index + 1], None)
            meter.add(labels[index], Motion(field, np.ones(field.shape[1:], bool)))
    assert meter.miou == pytest.approx(about["predictors"][predictor][f"own.tc_union.{flow}"])
