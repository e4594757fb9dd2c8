"""Scores that are averaged over time."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from arseg_lightning.methods import (
    ARSeg,
    EveryL,
    FeaturePropagation,
    FrameInput,
    InterBMV,
    Smoothed,
    Stream,
    TapLab,
    TDNet,
)
from arseg_lightning.propagation import warp_to
from tests.methods.footage import SIZE, video
from tests.methods.laws import (
    NUM_CLASSES,
    ExportedLikeAnother,
    MethodLaws,
    PerFrameLaws,
    random_clip,
)
from tests.tiny import TinyNet

ARSEG = partial(ARSeg, clock=EveryL(3))


class TestSmoothedFrames(PerFrameLaws, MethodLaws):
    def method(self):
        return Smoothed(NUM_CLASSES, TinyNet)

    def trained(self, method, clip):
        return super().trained(method.method, clip)


class TrainedInside(ExportedLikeAnother, MethodLaws):
    @torch.no_grad()
    def test_training_sees_what_a_stream_gives(self):
        """Training is that of the method inside, on clips as that one wants them."""
        method = self.ready()
        clip = random_clip(method, SIZE)
        ours, inside = method.losses(clip), method.method.losses(clip)
        assert ours.keys() == inside.keys()
        assert all(ours[name].equal(inside[name]) for name in ours)
        assert method.needs.clip_motion == method.method.needs.clip_motion


class TestSmoothedARSeg(TrainedInside):
    def method(self):
        return Smoothed(NUM_CLASSES, TinyNet, ARSEG)


class TestSmoothedPropagation(TrainedInside):
    def method(self):
        inside = partial(FeaturePropagation, clock=EveryL(3))
        return Smoothed(NUM_CLASSES, TinyNet, inside, share=0.3)


@pytest.mark.parametrize("make", [ARSEG, partial(TapLab, clock=EveryL(3))])
def test_without_a_share_it_is_the_method_inside(make):
    torch.manual_seed(0)
    method = Smoothed(NUM_CLASSES, TinyNet, make, share=0).eval()
    frames = video()
    pairs = zip(Stream(method).run(frames), Stream(method.method).run(frames), strict=True)
    for ours, inside in pairs:
        torch.testing.assert_close(ours.output.scores, inside.output.scores)
        assert ours.is_keyframe == inside.is_keyframe


def test_a_clock_that_is_chosen_is_that_of_the_method_inside():
    method = Smoothed(NUM_CLASSES, TinyNet, FeaturePropagation).eval()
    method.follow_interval(3)
    assert [result.is_keyframe for result in Stream(method).run(video())] == [1, 0, 0, 1, 0]
    method.use_clock(EveryL(2))
    method.follow_interval(3)
    assert [result.is_keyframe for result in Stream(method).run(video())] == [1, 0, 1, 0, 1]


@torch.no_grad()
def test_a_frame_is_the_mean_of_its_scores_and_the_carried_ones_where_motion_is_known():
    method = Smoothed(3, TinyNet, share=0.25).eval()
    images, motion = torch.randn(2, 1, 3, 24, 32), torch.randint(-8, 9, (1, 2, 24, 32)).float()
    valid = torch.ones(1, 1, 24, 32, dtype=torch.bool)
    valid[..., 16:] = False
    before, state = method.step("start", FrameInput(images[0]), {})
    after, _ = method.step("frame", FrameInput(images[1], motion, valid), state)
    first, second = (method.method.network.output(image).scores for image in images)
    assert before.scores.equal(first)
    half = first.shape[-1] // 2
    mean = 0.75 * second + 0.25 * warp_to(first, motion)
    torch.testing.assert_close(after.scores[..., :half], mean[..., :half])
    assert after.scores[..., half:].equal(second[..., half:])


@pytest.mark.parametrize("make", [InterBMV, TDNet])
def test_what_has_no_frame_before_is_refused_by_name(make):
    with pytest.raises(ValueError, match=" cannot be smoothed: it waits"):
        Smoothed(3, TinyNet, make)
