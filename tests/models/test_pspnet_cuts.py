"""PSPNet18 cut earlier: the same network, of which less is computed per frame."""

import pytest
import torch

from arseg_lightning.methods import ARSeg, FrameInput
from arseg_lightning.methods.per_frame import downscale
from arseg_lightning.models import PSPNet18, PSPNet18EarlyCut
from arseg_lightning.propagation import CReFF
from tests.models.laws import NUM_CLASSES, images

CUTS = ["task", "features"]


def small(cut):
    return PSPNet18EarlyCut(NUM_CLASSES, cut=cut, width=0.125).eval()


@pytest.mark.parametrize("cut", CUTS)
def test_both_parts_together_are_the_network(cut):
    network, whole = small(cut), PSPNet18(NUM_CLASSES, width=0.125).eval()
    whole.load_state_dict(network.state_dict())
    image = images(2, (32, 48))
    propagated, before = network.run(network.cut, {"image": image}, with_side=True)
    feature, after = network.run("feature", {network.cut: propagated}, with_side=True)
    torch.testing.assert_close(feature, whole.features(image))
    presence = whole.features_and_side(image, True)[1].presence
    torch.testing.assert_close((before + after).presence, presence)


@pytest.mark.parametrize(("cut", "channels", "stride"), [("task", 512, 8), ("features", 64, 4)])
def test_the_propagated_feature_is_that_before_the_cut(cut, channels, stride):
    with torch.device("meta"):
        network = PSPNet18EarlyCut(NUM_CLASSES, cut=cut)
        propagated, _ = network.run(network.cut, {"image": torch.empty(1, 3, 64, 96)})
    assert network.cut_channels == channels
    assert propagated.shape == (1, channels, 64 // stride, 96 // stride)


@pytest.mark.parametrize("cut", CUTS)
def test_arseg_fuses_at_the_cut(cut):
    arseg = ARSeg(NUM_CLASSES, lambda _: small(cut), lambda channels: CReFF(channels, 3)).eval()
    high, low = arseg.high_res, arseg.low_res
    frame = FrameInput(images(1, (64, 64)), torch.zeros(1, 2, 64, 64))
    output, state = arseg.step("keyframe", frame, {})
    assert output.scores.equal(high.classifier(high.features(frame.image)))
    low_cut, _ = low.run(low.cut, {"image": downscale(frame.image, 0.5)})
    feature, _ = low.run("feature", {low.cut: arseg.fusion(low_cut, state["feature"])})
    output, _ = arseg.step("nonkeyframe", frame, state)
    torch.testing.assert_close(output.scores, low.classifier(feature))
