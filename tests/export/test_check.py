"""Graphs are held to their system: what counts as equal, and on what."""

import pytest
import torch

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.check import agreements, examples, require_equal
from arseg_lightning.export.graphs import graphs_of
from tests.export.made import SIZE, tiny_arseg


@pytest.fixture(scope="module")
def graphs():
    return graphs_of(tiny_arseg(), Normalisation(), examples(SIZE)["noise"][0])


def test_examples_are_the_same_every_time_and_have_the_size():
    for batch in (False, True):
        for (key, other), again in zip(
            examples(SIZE, batch).values(), examples(SIZE, batch).values(), strict=True
        ):
            assert key.image.equal(again[0].image)
            assert other.motion.equal(again[1].motion)
            assert key.image.shape[1:] == (*SIZE, 3)
            assert other.motion.shape[1:] == (2, *SIZE)
            assert key.image.dtype == torch.uint8
    assert examples(SIZE, True)["batch of both"][0].image.shape[0] == 2


def test_a_system_agrees_with_itself(graphs):
    checks = agreements(graphs, graphs, examples(SIZE))
    assert {check.equal_labels for each in checks.values() for check in each} == {1.0}
    require_equal(checks)


@pytest.mark.parametrize("broken", [0.3, float("nan")])
def test_another_result_is_an_error_that_says_how_far_off(graphs, broken):
    def off(*arguments):
        labels, scores = graphs["nonkeyframe"](*arguments)
        scores = scores.clone()
        scores[0, 0, 0, 0] += broken * scores.abs().max()
        return labels, scores

    checks = agreements(graphs, {**graphs, "nonkeyframe": off}, examples(SIZE))
    with pytest.raises(ValueError, match=r"nonkeyframe graph does not .* noise: 100\.0000% of the"):
        require_equal(checks)


def test_other_labels_are_an_error(graphs):
    def off(image):
        labels, *rest = graphs["keyframe"](image)
        return ((labels + (torch.arange(SIZE[1]) < 1)).to(torch.uint8), *rest)

    checks = agreements(graphs, {**graphs, "keyframe": off}, examples(SIZE))
    with pytest.raises(ValueError, match=r"keyframe graph .* 98\.5714% of the labels are equal \("):
        require_equal(checks)
