"""Nothing but motion between keyframes."""

import pytest
import torch

from arseg_lightning.systems import StreamFrame, WarpedKey
from tests.tiny import TinyNet, clip_batch


@pytest.fixture
def system():
    return WarpedKey(TinyNet(3)).eval()


def test_a_keyframe_is_the_network(system):
    image = clip_batch().images[:, 0]
    prediction, _ = system.step(StreamFrame(image, torch.zeros(2, 2, 24, 32), 0), None)
    assert prediction.logits.equal(system.network(image))


def test_without_motion_the_keyframes_scores_stay(system):
    batch = clip_batch()
    key, other = system.run(batch.images, torch.zeros_like(batch.motion), [0, 3])
    assert other.logits.equal(key.logits)
    assert (other.role, other.distance) == ("nonkeyframe", 3)


def test_motion_carries_the_scores(system):
    batch = clip_batch()
    motion = torch.zeros_like(batch.motion)
    motion[:, 1, 0] = 4.0  # one pixel of the feature to the right
    feature = system.network.features(batch.images[:, 0])
    moved = torch.cat([feature[..., 1:], feature[..., -1:]], dim=-1)
    _, other = system.run(batch.images, motion, [0, 3])
    torch.testing.assert_close(other.logits, system.network.classify(moved, (24, 32)))


def test_a_stream_starts_with_a_keyframe(system):
    batch = clip_batch()
    with pytest.raises(ValueError, match="starts with a keyframe"):
        system.step(StreamFrame(batch.images[:, 1], batch.motion[:, 1], 5), None)
