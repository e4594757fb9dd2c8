"""Losses over neighbouring frames: laws, and the published code's numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from arseg_lightning.losses.similarity import class_divergence
from arseg_lightning.losses.temporal import (
    SequenceDistance,
    affinity_across,
    affinity_distance,
    affinity_within,
    temporal_consistency,
)
from arseg_lightning.models.segmentor import resize_scores
from tests.parity import PARITY, assert_same, recipe

FRAMES = ("prev", "cur", "next")


def test_frames_that_agree_along_motion_are_consistent():
    scores, image = torch.randn(1, 5, 8, 8), torch.randn(1, 3, 8, 8)
    other = torch.randn(1, 5, 8, 8)
    assert temporal_consistency(scores, scores, image, image) == 0
    full = temporal_consistency(scores, other, image, image)
    torch.testing.assert_close(full, (scores - other).square().mean())
    assert temporal_consistency(scores, other, image, image + 1) < 0.01 * full  # occluded
    valid = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    assert temporal_consistency(scores, other, image, image, valid) == 0


def test_affinities_are_cosines():
    one, other = torch.randn(2, 6, 3, 4), torch.randn(2, 6, 3, 4)
    found = affinity_across(one, other)[1, 5, 7]
    expected = torch.cosine_similarity(one[1, :, 1, 1], other[1, :, 1, 3], dim=0)
    torch.testing.assert_close(found, expected)
    assert affinity_within(one, 1).diagonal(dim1=1, dim2=2).allclose(torch.ones(()))
    assert affinity_distance(one, 3 * one) < 1e-12  # their lengths do not count


@pytest.fixture(scope="module")
def published():
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    with np.load(PARITY / "etc-losses.npz") as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored}


def inputs(published, kind):
    """Student's and teacher's inputs of the three frames; the student's take gradients."""
    students = [published[f"student_{kind}_{t}"].clone().requires_grad_() for t in FRAMES]
    return students, [published[f"teacher_{kind}_{t}"] for t in FRAMES]


def check(published, name, loss, students):
    torch.testing.assert_close(loss, published[name], rtol=1e-4, atol=0)
    grads = torch.autograd.grad(loss, students, allow_unused=True)
    assert_same(grads[1][:, ::4], published[f"{name}.grad_cur"])
    for t, grad in zip(FRAMES, grads, strict=True):
        stored = published[f"{name}.gradnorm_{t}"]
        found = torch.zeros(()) if grad is None else grad.norm()
        torch.testing.assert_close(found, stored, rtol=1e-4, atol=1e-9)


def test_class_distillation_is_the_published_one(published):
    # Published, the mean is over classes too.
    students, teachers = inputs(published, "scores")
    parts = [class_divergence(s, t) / 19 for s, t in zip(students, teachers, strict=True)]
    check(published, "kd_pair", parts[1] + parts[2], students)
    students, teachers = inputs(published, "scores")
    parts = [class_divergence(s, t) / 19 for s, t in zip(students, teachers, strict=True)]
    check(published, "kd_three", parts[1] + 0.4 * (parts[0] + parts[2]), students)

    students, _ = inputs(published, "scores")
    loss = sum(
        class_divergence(resize_scores(students[index], (17, 23), True), larger) / 19
        for index in (1, 2)
        for larger in [published[f"teacher_scores_large_{FRAMES[index]}"]]
    )
    check(published, "kd_pair_large_teacher", loss, students)


def test_affinities_within_frames_are_the_published_ones(published):
    students, teachers = inputs(published, "feature")
    assert_same(
        affinity_within(students[1], 2)[:, ::2, ::2], published["affinity_within_frames.map"]
    )
    parts = [affinity_distance(s, t) for s, t in zip(students, teachers, strict=True)]
    check(published, "affinity_within_frames", parts[1] + 0.4 * (parts[0] + parts[2]), students)


def published_affinity(one, other):
    """The released code divides by the norms of the wrong positions, which makes it no cosine."""
    p, q = one.flatten(2), other.flatten(2)  # (B, C, N)
    return (p / q.norm(dim=1, keepdim=True)).mT @ (q / p.norm(dim=1, keepdim=True))


def test_affinities_across_frames_are_the_published_ones(published):
    students, teachers = inputs(published, "scores")
    both = [published_affinity(x[1], x[2]) for x in (students, teachers)]
    assert_same(both[0][:, ::4, ::4], published["affinity_across_frames.map"])
    true = affinity_across(students[1], students[2])[:, ::4, ::4]
    assert_same(true, published["true_cosine_across_frames.map"])
    check(published, "affinity_across_frames", (both[0] - both[1]).square().mean(), students)


def test_the_distance_of_sequences_is_the_published_one(published):
    keys = json.loads((PARITY / "etc-losses.keys.json").read_text())["etc.lstm"]
    distance = SequenceDistance()
    distance.gates.load_state_dict(
        {k.removeprefix("Gates."): recipe(f"etc.lstm.{k}", shape) for k, shape in keys.items()}
    )
    students, teachers = inputs(published, "large_feature")
    for index, (hidden, cell) in enumerate(distance.states(students)):
        assert_same(hidden, published[f"sequence.student_hidden_{index}"])
        assert_same(cell, published[f"sequence.student_cell_{index}"])
    check(published, "sequence", distance(students, teachers), students)
