"""Methods side by side on a video, and flicker."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from arseg_lightning.bench import compare_methods
from arseg_lightning.cost import method_cost
from arseg_lightning.methods import EveryL, FeaturePropagation, PerFrame
from arseg_lightning.metrics import Flicker
from arseg_lightning.report.comparison_table import comparison_table
from arseg_lightning.types import Motion
from tests.methods.laws import Footage, video
from tests.tiny import TinyNet

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
    flicker = Flicker()
    for step in range(4):
        flicker.add(shifted(3 * step), motion(-3))
    assert flicker.share == 0


def test_labels_that_change_at_rest_flicker():
    flicker = Flicker()
    flicker.add(shifted(0), None)
    changed = shifted(0)
    changed[:6] ^= 1
    flicker.add(changed, motion(0))
    assert flicker.share == 6 / 24


def test_what_has_no_vector_does_not_count():
    flicker = Flicker()
    flicker.add(shifted(0), None)
    flicker.add(shifted(5), motion(0, valid=False))
    assert math.isnan(flicker.share)


@pytest.fixture(scope="module")
def compared():
    torch.manual_seed(0)
    reference = PerFrame(11, TinyNet).eval()
    torch.nn.init.normal_(reference.network.classifier.weight)
    moving = FeaturePropagation(11, lambda _: reference.network, clock=EveryL(3)).eval()
    same = PerFrame(11, lambda _: reference.network).eval()
    methods = {"1x": reference, "again": same, "motion only": moving}
    return methods, compare_methods(video(7, SIZE), methods, 11)


def test_the_same_method_agrees_everywhere(compared):
    record = compared[1][1].record()
    assert (record["agreement_miou"], record["agreement_pixels"]) == (1, 1)
    assert record["flicker"] == compared[1][0].record()["flicker"]


def test_keyframes_and_cost_are_those_of_the_stream(compared):
    methods, found = compared
    record, cost = found[2].record(), method_cost(methods["motion only"], SIZE)
    assert (record["frames"], record["keyframes"]) == (7, 3)
    assert record["roles"] == {"keyframe": 3, "nonkeyframe": 4}
    expected = (3 * cost.role_gmacs["keyframe"] + 4 * cost.role_gmacs["nonkeyframe"]) / 7
    assert record["gmacs"] == pytest.approx(expected)
    assert 0 < record["agreement_pixels"] < 1


def test_a_table_has_a_line_a_method(compared):
    table = comparison_table(pd.DataFrame([each.record() for each in compared[1]]))
    assert table.method.tolist() == ["1x", "again", "motion only"]
    assert table["agrees (pixels)"].tolist()[:2] == ["100.0", "100.0"]
    assert table.keyframes.tolist() == ["-", "-", "42.9"]


def test_a_video_without_frames_is_refused():
    with pytest.raises(ValueError, match="no frames that could be compared"):
        compare_methods([], {"1x": PerFrame(11, TinyNet).eval()}, 11)


def test_flicker_follows_the_motion_of_each_frame():
    """On footage whose motion is noise, what is warped by it hardly changes."""
    method = FeaturePropagation(11, TinyNet, clock=EveryL(9)).eval()
    torch.nn.init.normal_(method.network.classifier.weight)
    still = PerFrame(11, lambda _: method.network).eval()
    frames = Footage.make(6, SIZE).frames()
    moved, own = compare_methods(frames, {"moved": method, "own": still}, 11)
    assert moved.flicker.share < 0.6 * own.flicker.share


def test_the_record_is_json(compared):
    assert json.loads(json.dumps(compared[1][0].record()))["method"] == "1x"
