"""Video adaptation: the laws of methods, and the published adversarial losses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from arseg_lightning.losses.adversarial import VideoDiscriminators
from arseg_lightning.methods import VideoAdversarial, VideoSelfTraining
from arseg_lightning.methods.video_adaptation import consistency, disturbed
from tests.methods.laws import ExportedLikeAnother, MethodLaws, PerFrameLaws, random_clip
from tests.parity import PARITY, assert_same, recipe
from tests.tiny import TinyNet, clip_batch


def with_target(clip, seed=1, **options):
    """A clip together with one of another data set."""
    clip.target = clip_batch(seed=seed, num_classes=11, **options)
    clip.target.labels[:] = 255
    return clip


class AdaptationLaws(ExportedLikeAnother, PerFrameLaws, MethodLaws):
    def test_every_trainable_parameter_gets_a_gradient(self):
        torch.manual_seed(0)
        method = self.method().train()
        clip = with_target(random_clip(method, (64, 96)), size=(64, 80))
        torch.stack([*method.losses(clip).values()]).sum().backward()
        trained = {name: p for name, p in method.named_parameters() if p.requires_grad}
        assert [name for name, p in trained.items() if p.grad is None] == []


class TestVideoAdversarial(AdaptationLaws):
    def method(self):
        return VideoAdversarial(11, TinyNet, channels=4)


class TestVideoSelfTraining(AdaptationLaws):
    def method(self):
        return VideoSelfTraining(11, TinyNet, TinyNet)


@pytest.fixture
def clip():
    return with_target(clip_batch(size=(64, 96), num_classes=11), size=(64, 80))


def gradients(method, loss):
    """Names of the parts that a loss reaches."""
    method.zero_grad()
    loss.backward()
    return {name.split(".")[0] for name, p in method.named_parameters() if p.grad is not None}


def test_each_side_learns_by_its_own_losses(clip):
    method = VideoAdversarial(11, TinyNet, channels=4).train()
    reached = {
        name: gradients(method, method.losses(clip)[name])
        for name in ("segmentation", "consistency", "fooling", "discriminators")
    }
    assert reached.pop("discriminators") == {"discriminators"}
    assert set(map(frozenset, reached.values())) == {frozenset({"network"})}


def test_without_a_target_the_labels_alone_count(clip):
    clip.target = None
    for method in (VideoAdversarial(11, TinyNet), VideoSelfTraining(11, TinyNet, TinyNet)):
        assert set(method.losses(clip)) == {"segmentation"}


@pytest.fixture(scope="module")
def published():
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    keys = json.loads((PARITY / "davsn-losses.keys.json").read_text())
    with np.load(PARITY / "davsn-losses.npz") as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored}
    discriminators = {}
    for kind in ("main", "aux"):
        both = VideoDiscriminators(5)
        for part, name in ((both.temporal, f"d_sta_{kind}"), (both.spatial, f"d_sa_{kind}")):
            part.load_state_dict({k: recipe(f"{name}.{k}", s) for k, s in keys[name].items()})
        discriminators[kind] = both
    return discriminators, arrays


@pytest.mark.parametrize("kind", ["main", "aux"])
def test_the_adversarial_losses_are_the_published_ones(published, kind):
    discriminators, arrays = published
    both, end = discriminators[kind], "" if kind == "main" else "_aux"

    def pair(domain, size):
        return [
            F.interpolate(
                arrays[f"{domain}_{when}{end}.0"], size, mode="bilinear", align_corners=True
            )
            for when in ("previous", "current")
        ]

    source, target = pair("source", (64, 96)), pair("target", (64, 80))
    for domain, scores in (("src", source), ("trg", target)):
        for part, answer in zip(("sta", "sa"), both._seen(*scores, learns=True), strict=True):
            assert_same(answer, arrays[f"d_out_{domain}_{part}{end}.0"])
    fooling = arrays[f"loss_sta{end}.0"] + arrays[f"loss_sa{end}.0"]
    torch.testing.assert_close(both.fooling(*target)[None], fooling)
    # The release logs the second half of each discriminator's loss: that of the target
    nothing = both.telling_apart(source, target) - sum(
        F.softplus(arrays[f"d_out_src_{part}{end}.0"]).mean() / 2 for part in ("sta", "sa")
    )
    halves = arrays[f"loss_d_sta{end}.0"] + arrays[f"loss_d_sa{end}.0"]
    torch.testing.assert_close(nothing[None], halves)
    torch.testing.assert_close(both.likeness()[None], arrays[f"loss_wd{end}.0"])


@pytest.mark.parametrize("end", ["", "_aux"])
def test_the_consistency_is_the_published_one(published, end):
    _, arrays = published
    now, past = arrays[f"itcr_probability{end}.0"], arrays[f"itcr_propagated{end}.0"]
    known = past.sum(dim=1, keepdim=True) > 0.5  # splatting leaves holes
    torch.testing.assert_close(consistency(now, past, known)[None], arrays[f"loss_itcr{end}.0"])


def test_the_past_teaches_only_where_it_is_surer():
    sure, unsure = torch.tensor([0.9, 0.1]), torch.tensor([0.6, 0.4])
    known = torch.ones(1, 1, 1, 1, dtype=torch.bool)

    def distance(now, past, known=known):
        return consistency(now[None, :, None, None], past[None, :, None, None], known)

    assert distance(unsure, sure) == pytest.approx(0.3)
    assert distance(sure, unsure) == 0
    assert distance(unsure, sure, ~known) == 0


def teacher_that_says(method, *scores):
    """Give the teacher of a method its scores, frame by frame."""
    answers = iter(scores)
    output = method.teacher.output
    method.teacher.output = lambda image, side: replace(output(image, side), scores=next(answers))


def test_pseudo_labels_are_what_the_teacher_says_twice_alike(clip):
    method = VideoSelfTraining(11, TinyNet, TinyNet).eval()
    target = clip.target
    target.motion[:] = 0
    before, now = (torch.zeros(2, 11, 64, 80) for _ in range(2))
    before[:, 3], now[:, 3] = 5.0, 5.0
    now[:, 7, :, 40:] = 9.0  # it changes its mind on the right
    teacher_that_says(method, before, now)
    labels = method.pseudo_labels(target)
    assert (labels[..., :40] == 3).all()
    assert (labels[..., 40:] == 255).all()
    target.valid[:] = False
    del method.teacher.output
    teacher_that_says(method, before, now)
    assert (method.pseudo_labels(target) == 255).all()


def test_of_each_class_the_surest_share_counts(clip):
    method = VideoSelfTraining(11, TinyNet, TinyNet, kept_share=0.25).train()
    target = clip.target
    target.motion[:] = 0
    scores = torch.zeros(2, 11, 64, 80)
    sureness = torch.linspace(1, 6, 64 * 40).view(64, 40)
    scores[:, 3, :, :40] = sureness
    scores[:, 5, :, 40:] = 10 + sureness  # far surer, and yet no more of it counts
    teacher_that_says(method, scores, scores)
    labels = method.pseudo_labels(target)
    for index in (3, 5):
        assert (labels == index).float().mean() == pytest.approx(0.125, abs=0.01)


def test_other_colours_leave_the_image_where_it_is():
    torch.manual_seed(3)
    images = torch.randn(8, 3, 32, 32)
    images[..., :16] += 4
    seen = disturbed(images)
    assert seen.shape == images.shape
    assert not torch.equal(seen, images)
    assert (seen[..., :12].mean((1, 2, 3)) > seen[..., 20:].mean((1, 2, 3)) + 1).all()
