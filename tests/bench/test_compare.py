"""Methods side by side on a video."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from arseg_lightning.bench import MethodSet, compare_methods
from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.datasets.evaluation import EvaluationFrame
from arseg_lightning.methods import EveryL, FeaturePropagation, PerFrame
from arseg_lightning.report.comparison_table import (
    classes_table,
    comparison_table,
    distances_table,
)
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


def labelled(number):
    """Frames of which each has random labels, at distances of two to their keyframes."""
    generator = np.random.default_rng(0)
    for index, frame in enumerate(video(number, SIZE)):
        label = generator.integers(0, 11, SIZE, np.uint8)
        yield EvaluationFrame(frame, label, index % 2, "clip/frame")


def test_trainings_of_a_method_are_one_row():
    torch.manual_seed(0)
    seeds = [PerFrame(11, TinyNet).eval() for _ in range(2)]
    for each in seeds:
        torch.nn.init.normal_(each.network.classifier.weight)
    methods = {"1x": seeds[0], "other #1": seeds[0], "other #2": seeds[1]}
    reference, row = compare_methods(labelled(14), MethodSet({}, methods, CAMVID11))
    alone = {"1x": seeds[0], "second": seeds[1]}
    first, second = compare_methods(labelled(14), MethodSet({}, alone, CAMVID11))
    assert [reference["trainings"], row["trainings"], row["method"]] == [1, 2, "other"]
    for name in ("miou", "flicker", "agreement_pixels", "gmacs"):
        assert row[name] == pytest.approx((first[name] + second[name]) / 2)
    assert row["change"] == pytest.approx((second["miou"] - first["miou"]) / 2)
    assert row["miou_std"] == pytest.approx(abs(second["miou"] - first["miou"]) / 2**0.5)
    assert row["change_low"] <= row["change"] <= row["change_high"]
    assert reference["miou_std"] is None


def test_figures_at_distances_add_up():
    torch.manual_seed(0)
    method = PerFrame(11, TinyNet).eval()
    torch.nn.init.normal_(method.network.classifier.weight)
    methods = MethodSet({}, {"1x": method}, CAMVID11)
    (row,) = compare_methods(labelled(7), methods, distances=2)
    at = row["at_distances"]
    assert at["frames"] == [4, 3]
    assert sum(at["miou"]) / 2 == pytest.approx(row["miou"])
    assert min(at["miou"]) == pytest.approx(row["miou_worst"])
    assert np.mean([at[f"iou of {name}"] for name in CAMVID11.names], axis=0) == pytest.approx(
        at["miou"]
    )
    assert all(len(values) == 2 for values in at.values())
    assert distances_table([row], "miou")["1"].tolist() == [f"{100 * at['miou'][1]:.1f}"]
    assert classes_table([row]).shape == (1, 1 + 11)


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
