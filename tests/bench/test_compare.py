"""Methods side by side on a video."""

from __future__ import annotations

import json

import pytest
import torch

from arseg_lightning.bench import MethodSet, compare_methods
from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.datasets.evaluation import EvaluationFrame
from arseg_lightning.methods import EveryL, FeaturePropagation, PerFrame
from arseg_lightning.report.comparison_table import comparison_table
from tests.methods.laws import Footage, video
from tests.tiny import TinyNet

SIZE = (24, 32)


def compare(frames, methods):
    """Frames without labels."""
    frames = (EvaluationFrame(frame, None, 0, "") for frame in frames)
    return compare_methods(frames, MethodSet({}, methods, CAMVID11))


@pytest.fixture(scope="module")
def compared():
    torch.manual_seed(0)
    reference = PerFrame(11, TinyNet).eval()
    torch.nn.init.normal_(reference.network.classifier.weight)
    moving = FeaturePropagation(11, lambda _: reference.network, clock=EveryL(3)).eval()
    same = PerFrame(11, lambda _: reference.network).eval()
    methods = {"1x": reference, "again": same, "motion only": moving}
    return methods, compare(video(7, SIZE), methods)


def test_the_same_method_agrees_everywhere(compared):
    first, again, _ = compared[1]
    assert (again["agreement_miou"], again["agreement_pixels"]) == (1, 1)
    assert again["flicker"] == first["flicker"]


def test_keyframes_and_cost_are_those_of_the_stream(compared):
    methods, (*_, record) = compared
    cost = method_cost(methods["motion only"], SIZE)
    assert (record["frames"], record["keyframes"]) == (7, 3)
    assert record["roles"] == {"keyframe": 3, "nonkeyframe": 4}
    expected = (3 * cost.role_gmacs["keyframe"] + 4 * cost.role_gmacs["nonkeyframe"]) / 7
    assert record["gmacs"] == pytest.approx(expected)
    assert 0 < record["agreement_pixels"] < 1


def test_a_table_has_a_line_a_method(compared):
    table = comparison_table(compared[1])
    assert table.method.tolist() == ["1x", "again", "motion only"]
    assert table["agrees (pixels)"].tolist()[:2] == ["100.0", "100.0"]
    assert table.keyframes.tolist() == ["-", "-", "42.9"]


def test_a_video_without_frames_is_refused():
    with pytest.raises(ValueError, match="no frames on which methods could be compared"):
        compare([], {"1x": PerFrame(11, TinyNet).eval()})


def test_flicker_follows_the_motion_of_each_frame():
    """On footage whose motion is noise, what is warped by it hardly changes."""
    method = FeaturePropagation(11, TinyNet, clock=EveryL(9)).eval()
    torch.nn.init.normal_(method.network.classifier.weight)
    still = PerFrame(11, lambda _: method.network).eval()
    frames = Footage.make(6, SIZE).frames()
    moved, own = compare(frames, {"moved": method, "own": still})
    assert moved["flicker"] < 0.6 * own["flicker"]


def test_figures_are_json_whatever_is_not_known(compared):
    (one,) = compare(video(1, SIZE), {"1x": compared[0]["1x"]})
    assert one["flicker"] is None
    assert one["mean_ms"] is None  # the only frame warms up
    assert "miou" not in one
    assert json.loads(json.dumps(one, allow_nan=False)) == one
    assert comparison_table([one]).ms.tolist() == ["-"]
