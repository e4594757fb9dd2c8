"""Nothing but motion between keyframes."""

from __future__ import annotations

import torch

from arseg_lightning.methods import EveryL, FeaturePropagation, FrameInput
from arseg_lightning.models.segmentor import resize_scores
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
