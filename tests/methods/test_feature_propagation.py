"""Nothing but motion between keyframes."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from arseg_lightning.export import ExportSettings, export_method
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import (
    DFF,
    Accel,
    EveryL,
    FeaturePropagation,
    FrameInput,
    InterBMV,
    Smoothed,
    Stream,
)
from arseg_lightning.models.segmentor import resize_scores
from arseg_lightning.propagation.flow import FlowNetS
from arseg_lightning.types import ClassSet
from tests.methods.footage import SIZE, video
from tests.methods.laws import NUM_CLASSES, MethodLaws
from tests.tiny import TinyNet


class TestFeaturePropagation(MethodLaws):
    def method(self):
        return FeaturePropagation(NUM_CLASSES, TinyNet, clock=EveryL(4))


def keyframe_and_next(motion):
    """A method, what it gives for a keyframe, and for the same image at that motion."""
    method = FeaturePropagation(3, TinyNet).eval()
    frame = FrameInput(torch.randn(2, 3, 24, 32), motion)
    key, state = method.step("keyframe", frame, {})
    other, after = method.step("nonkeyframe", frame, state)
    assert after is state
    return method, frame, key, other


def test_a_keyframe_is_the_network():
    method, frame, key, _ = keyframe_and_next(torch.zeros(2, 2, 24, 32))
    assert key.logits(frame.size).equal(method.network(frame.image))


def test_without_motion_the_keyframes_scores_stay():
    _, _, key, other = keyframe_and_next(torch.zeros(2, 2, 24, 32))
    assert other.scores.equal(key.scores)


def test_motion_moves_the_scores():
    motion = torch.zeros(2, 2, 24, 32)
    motion[:, 0] = 4.0  # one pixel of the feature to the right
    method, frame, _, other = keyframe_and_next(motion)
    feature = method.network.features(frame.image)
    moved = torch.cat([feature[..., 1:], feature[..., -1:]], dim=-1)
    expected = method.network.classifier(moved)
    expected = resize_scores(expected, frame.size, method.network.align_corners)
    torch.testing.assert_close(other.logits(frame.size), expected)


class Halved(FeaturePropagation):
    """Does something else on the way, which classifying first would not see."""

    def warped(self, frame, state):
        return super().warped(frame, state).abs()


LINEAR = {
    "motion only": FeaturePropagation,
    "DFF": DFF,
    "DFF, its own flow": partial(DFF, flow=partial(FlowNetS, width=0.125)),
    "Accel": partial(Accel, update_network=TinyNet),
    "Inter-BMV": InterBMV,
    "Inter-BMV, by distance": partial(InterBMV, fusion="distance"),
    "smoothed": partial(Smoothed, method=FeaturePropagation),
}
OTHERS = {
    "a subclass": Halved,
    "published sampling": partial(FeaturePropagation, convention="paper"),
    "Inter-BMV, max": partial(InterBMV, fusion="max"),
    "Inter-BMV, convolution": partial(InterBMV, fusion="conv1x1"),
}


@pytest.mark.parametrize("name", [*LINEAR, *OTHERS])
@torch.no_grad()
def test_scores_are_carried_where_that_is_the_same(name):
    torch.manual_seed(0)
    plain = (LINEAR | OTHERS)[name](3, TinyNet).eval()
    plain.use_clock(EveryL(4))
    fast = plain.for_inference(Optimisations(kernels=False))
    inside = fast.method if name == "smoothed" else fast
    assert inside.carried == ("carried_scores" if name in LINEAR else "feature")
    frames = zip(Stream(plain).run(video()), Stream(fast).run(video()), strict=True)
    for expected, found in frames:
        torch.testing.assert_close(found.output.scores, expected.output.scores)


def test_features_are_carried_where_they_are_the_smaller():
    fast = FeaturePropagation(8, TinyNet).for_inference(Optimisations())
    assert fast.carried == "feature"


@pytest.mark.parametrize(
    "name",
    [each if each == "DFF" else pytest.param(each, marks=pytest.mark.slow) for each in LINEAR],
)
def test_a_graph_that_carries_scores_gives_the_methods_labels(name, tmp_path):
    """It is written only if it does."""
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    torch.manual_seed(0)
    method = LINEAR[name](3, TinyNet).eval()
    method.use_clock(EveryL(4))
    settings = ExportSettings(SIZE, ClassSet("three", ("a", "b", "c"), ((0, 0, 0),) * 3))
    contract = export_method(method, tmp_path / "out", settings)
    assert set(contract.graphs) == set(method.roles)
    read = {each for graph in contract.graphs.values() for each in graph.inputs}
    assert any("scores" in each for each in read) or name.startswith("Inter-BMV")
