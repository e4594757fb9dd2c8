"""Deep Feature Flow: the laws of methods, and its recursion."""

from __future__ import annotations

import pytest
import torch

from arseg_lightning.methods import DFF, EveryL, FeaturePropagation, Stream
from arseg_lightning.propagation import warp_to
from arseg_lightning.propagation.flow import FlowNetS
from tests.methods.laws import ExportedLikeAnother, Footage, MethodLaws, video
from tests.tiny import TinyNet


def small_flow():
    return FlowNetS(width=0.125)


class TestDFF(ExportedLikeAnother, MethodLaws):
    def method(self):
        return DFF(11, TinyNet, clock=EveryL(5))


class TestDFFWithFlow(MethodLaws):
    training_size = (64, 96)

    def method(self):
        return DFF(11, TinyNet, flow=small_flow, clock=EveryL(5))


class TestDFFOfOneWarp(ExportedLikeAnother, MethodLaws):
    def method(self):
        return DFF(11, TinyNet, motion="keyframe", clock=EveryL(5))


@torch.no_grad()
def test_the_feature_is_warped_again_and_again():
    method, footage = TestDFF().ready(), Footage.make(4)
    clip, stream = footage.clip(method), Stream(method)
    feature = method.network.features(clip.images[:, 0])
    for index, frame in enumerate(footage.frames()):
        if index:
            feature = warp_to(feature, clip.motion[:, index])
        torch.testing.assert_close(stream.push(frame).output.feature, feature)


def test_one_warp_is_motion_alone():
    method = TestDFFOfOneWarp().ready()
    other = FeaturePropagation(11, lambda _: method.network, clock=EveryL(5)).eval()
    streams = Stream(method), Stream(other)
    for frame in video():
        ours, theirs = (stream.push(frame).output.scores for stream in streams)
        assert ours.equal(theirs)


def test_training_starts_with_no_motion():
    method = TestDFFWithFlow().method().eval()
    image = torch.randn(1, 3, 64, 96)
    assert not method.flow(image, image.flip(-1)).any()


@pytest.mark.parametrize("frames", [0, 1])
def test_clips_that_have_no_second_frame_are_refused(frames):
    with pytest.raises(ValueError, match="frames is at least 2"):
        DFF(11, TinyNet, frames=frames)
