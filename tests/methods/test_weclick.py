"""WeClick: the laws of methods, and what its network learns from the teacher."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from arseg_lightning.methods import WeClick
from arseg_lightning.types import ClipBatch
from tests.methods.laws import ExportedLikeAnother, MethodLaws, PerFrameLaws
from tests.tiny import TinyNet, clip_batch


class TestWeClick(ExportedLikeAnother, PerFrameLaws, MethodLaws):
    def method(self):
        return WeClick(11, TinyNet, TinyNet)


def still_clip(frames=3, valid=True):
    """The same image thrice, without motion."""
    clip = clip_batch(frames=frames)
    clip.images[:] = clip.images[:, :1]
    return ClipBatch(
        clip.images,
        clip.labels,
        clip.distances,
        clip.names,
        torch.zeros_like(clip.motion),
        torch.full_like(clip.valid, valid),
    )


def test_a_scene_that_stands_still_teaches_the_same_by_its_past():
    method = WeClick(3, TinyNet, TinyNet).eval()
    losses = method.losses(still_clip())
    torch.testing.assert_close(losses["memory_distillation"], losses["class_distillation"])
    assert losses["memory_distillation"] > 0


def test_a_pupil_that_knows_all_has_nothing_to_learn():
    method = WeClick(3, TinyNet, TinyNet).eval()
    method.network.load_state_dict(method.teacher.state_dict())
    losses = method.losses(still_clip())
    assert losses["class_distillation"].abs() < 1e-6
    assert losses["memory_distillation"].abs() < 1e-6


def test_where_motion_is_unknown_the_past_says_nothing():
    method = WeClick(3, TinyNet, TinyNet).eval()
    assert method.losses(still_clip(valid=False))["memory_distillation"] == 0


def test_the_past_is_seen_along_motion():
    method = WeClick(3, TinyNet, TinyNet, frames=2).eval()
    clip = still_clip(frames=2)
    clip.images[:, 1] = clip.images[:, 0].roll(-8, dims=-1)  # current(p) = previous(p + 8)
    clip.motion[:, 1, 0] = 8.0
    memory, share = method._memory(clip)
    first = method.teacher.output(clip.images[:, 0], False).scores.softmax(1)
    # Two cells to the left, on the feature's grid of stride 4; the border repeats itself.
    torch.testing.assert_close(memory[..., :-2], first[..., 2:])
    assert (share == 1).all()


def test_only_the_clicks_count_in_cross_entropy():
    method = WeClick(3, TinyNet, TinyNet).eval()
    clip = still_clip()
    clip.labels[:] = 255
    clip.labels[:, -1, 5, 7] = 2
    scores = method.network.output(clip.images[:, -1], False).logits((24, 32))[..., 5, 7]
    expected = F.cross_entropy(scores, torch.full((2,), 2))
    torch.testing.assert_close(method.losses(clip)["segmentation"], expected)
    clip.labels[:] = 255
    assert method.losses(clip)["segmentation"] == 0


def test_only_the_network_learns():
    method = WeClick(3, TinyNet, TinyNet).train()
    sum(method.losses(still_clip()).values()).backward()
    assert {n.split(".")[0] for n, p in method.named_parameters() if p.grad is not None} == {
        "network"
    }
