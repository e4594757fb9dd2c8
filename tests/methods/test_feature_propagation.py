"""Nothing but motion between keyframes."""

from __future__ import annotations

from functools import partial

import pytest
import torch

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
from tests.methods.footage import video
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
    assert inside.carried == ("scores" if name in LINEAR else "feature")
    frames = zip(Stream(plain).run(video()), Stream(fast).run(video()), strict=True)
    for expected, found in frames:
        torch.testing.assert_close(found.output.scores, expected.output.scores)


def test_features_are_carried_where_they_are_the_smaller():
    fast = FeaturePropagation(8, TinyNet).for_inference(Optimisations())
    assert fast.carried == "feature"
