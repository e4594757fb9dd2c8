"""AR-Seg as a system: its step, and what the branches share."""

import pytest
import torch

from arseg_lightning.propagation import CReFF
from arseg_lightning.systems import ARSeg, EveryFrame, StreamFrame
from tests.tiny import TinyNet, clip_batch


@pytest.fixture
def system():
    torch.manual_seed(0)
    arseg = ARSeg(TinyNet(3), TinyNet(3), CReFF(8, window=3), resolution_ratio=0.5).eval()
    arseg.share_classifier()
    return arseg


def test_a_keyframe_is_the_high_res_network(system):
    batch = clip_batch()
    prediction, _ = system.step(StreamFrame(batch.images[:, 0], batch.motion[:, 0], 0), None)
    assert prediction.role == "keyframe"
    assert prediction.logits.equal(system.high_res(batch.images[:, 0]))


def test_another_frame_is_seen_at_the_ratio_and_scored_in_full(system):
    batch = clip_batch()
    _, state = system.step(StreamFrame(batch.images[:, 0], batch.motion[:, 0], 0), None)
    seen = []
    system.low_res.stem.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape))
    frame = StreamFrame(batch.images[:, 1], batch.motion[:, 1], 5)
    prediction, _ = system.step(frame, state)
    assert seen == [(2, 3, 12, 16)]
    assert prediction.logits.shape == (2, 3, 24, 32)
    assert (prediction.role, prediction.resolution_ratio) == ("nonkeyframe", 0.5)


def test_frames_of_a_period_do_not_depend_on_their_order(system):
    batch = clip_batch(frames=3)
    forth = list(system.run(batch.images, batch.motion, [0, 5, 6]))
    order = torch.tensor([0, 2, 1])
    back = list(system.run(batch.images[:, order], batch.motion[:, order], [0, 6, 5]))
    assert forth[1].logits.equal(back[2].logits)
    assert forth[2].logits.equal(back[1].logits)


def test_a_stream_starts_with_a_keyframe(system):
    batch = clip_batch()
    with pytest.raises(ValueError, match=r"starts with a keyframe \(distance 0\), got distance 5"):
        system.step(StreamFrame(batch.images[:, 1], batch.motion[:, 1], 5), None)


def test_the_keyframe_matters_to_the_frames_behind_it(system):
    batch = clip_batch()
    other = batch.images.clone()
    other[:, 0] += 1
    one = list(system.run(batch.images, batch.motion, [0, 5]))[1]
    two = list(system.run(other, batch.motion, [0, 5]))[1]
    assert not one.logits.allclose(two.logits)


def test_the_shared_classifier_is_equal_and_frozen(system):
    assert system.low_res.classifier.weight.equal(system.high_res.classifier.weight)
    assert system.low_res.classifier.bias.equal(system.high_res.classifier.bias)
    assert not any(p.requires_grad for p in system.low_res.classifier.parameters())


def test_training_and_inference_agree(system):
    batch = clip_batch()
    key = system.high_res.features(batch.images[:, 0])
    trained = system.training_forward(batch.images[:, 1], key, batch.motion[:, 1])
    inferred = list(system.run(batch.images, batch.motion, [0, 5]))[1]
    assert trained.logits.allclose(inferred.logits, atol=1e-6)


def test_every_frame_at_full_resolution_is_the_network_itself():
    torch.manual_seed(0)
    network = TinyNet(3).eval()
    image = torch.randn(1, 3, 24, 32)
    frame = StreamFrame(image, torch.zeros(1, 2, 24, 32), 3)
    prediction, state = EveryFrame(network).step(frame, None)
    assert state is None
    assert prediction.logits.equal(network(image))


@pytest.mark.parametrize("ratio", [0.0, -0.5, 1.2])
def test_a_ratio_is_a_share_of_full_resolution(ratio):
    with pytest.raises(ValueError, match=rf"lies in \(0, 1\], got {ratio}"):
        EveryFrame(TinyNet(3), ratio)
