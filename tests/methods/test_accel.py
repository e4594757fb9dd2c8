"""Accel: the laws of methods, and its 1x1 convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arseg_lightning.methods import Accel, EveryL, PerFrame, Stream
from tests.methods.laws import ExportedLikeAnother, MethodLaws, random_clip, video
from tests.parity import PARITY, assert_same, recipe
from tests.tiny import TinyNet


class TestAccel(MethodLaws):
    def method(self):
        return Accel(11, TinyNet, TinyNet, clock=EveryL(5))


class TestAccelThatLearnsItsFusion(ExportedLikeAnother, MethodLaws):
    def method(self):
        return Accel(11, TinyNet, TinyNet, trains="fusion", motion="keyframe", clock=EveryL(5))


def test_it_starts_as_the_update_network_between_keyframes():
    method = Accel(11, TinyNet, TinyNet, clock=EveryL(5)).eval()
    for network in (method.network, method.update_network):
        torch.nn.init.normal_(network.classifier.weight)
    alone = Stream(PerFrame(11, lambda _: method.update_network).eval())
    stream = Stream(method)
    for index, frame in enumerate(video()):
        ours, theirs = (s.push(frame).output.scores for s in (stream, alone))
        assert ours.equal(theirs) is (index > 0)


@pytest.mark.parametrize("trains", ["all", "fusion"])
def test_the_reference_that_keyframes_show_is_trained_where_it_may_change(trains):
    method = Accel(11, TinyNet, TinyNet, trains=trains, clock=EveryL(5)).train()
    clip = random_clip(method, (32, 48))
    torch.nn.init.zeros_(method.fusion.weight)  # nothing is learned through the fusion
    sum(method.losses(clip).values()).backward()
    learns = method.network.classifier.weight.grad
    assert (learns is not None and bool(learns.any())) is (trains == "all")


@torch.no_grad()
@pytest.mark.skipif(not PARITY.is_dir(), reason=f"no published numbers at {PARITY}")
def test_the_fusion_is_the_published_one():
    with np.load(PARITY / "davsn-accel-r101.npz") as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored}
    fusion = Accel(19, TinyNet, TinyNet).fusion
    both = torch.cat([arrays["current"], arrays["splatted"]], dim=1)
    assert_same(fusion(both), arrays["fused_initial"])
    fusion.weight.copy_(recipe("davsn.sf_layer.weight", [19, 38, 1, 1]))
    assert_same(fusion(both), arrays["fused_recipe"])
