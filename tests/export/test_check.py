"""Graphs are held to their method: what counts as equal, and on what."""

from itertools import islice

import pytest
import torch

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.check import agreements, examples, require_equal
from arseg_lightning.export.graphs import RoleGraph
from arseg_lightning.export.signature import lay_out
from tests.export.made import SIZE, Recurrent, decided, tiny_arseg


def compare(method, broken=None):
    """Check a method's own graphs, with some of them replaced."""
    cycle, signatures = lay_out(method, SIZE)
    graphs = {
        role: RoleGraph(method, role, each, Normalisation()) for role, each in signatures.items()
    }
    runners = graphs | {role: make(graphs[role]) for role, make in (broken or {}).items()}
    return agreements(method, graphs, runners, cycle)


def test_examples_are_the_same_every_time_and_have_the_size():
    for frame, same in islice(zip(examples(SIZE), examples(SIZE), strict=True), 2):
        assert all(frame[name].equal(same[name]) for name in frame)
        shapes = {name: tuple(each.shape) for name, each in frame.items()}
        assert shapes == {
            "image": (1, *SIZE, 3),
            "motion": (1, 2, *SIZE),
            "valid": (1, 1, *SIZE),
            "later_motion": (1, 2, *SIZE),
            "later_valid": (1, 1, *SIZE),
        }
        assert (frame["image"].dtype, frame["valid"].dtype) == (torch.uint8, torch.bool)


@pytest.mark.parametrize("method", [tiny_arseg, lambda: decided(Recurrent())])
def test_a_method_agrees_with_itself(method):
    checks = compare(method())
    assert {check.equal_labels for check in checks.values()} == {1.0}
    require_equal(checks)


def test_a_role_without_scores_is_checked_by_those_that_follow():
    checks = compare(decided(Recurrent()))
    assert set(checks) == {"start", "score"}

    def forgetful(graph):
        return lambda *tensors: tuple(torch.zeros_like(each) for each in graph(*tensors))

    with pytest.raises(ValueError, match="score graph does not agree"):
        require_equal(compare(decided(Recurrent()), {"look": forgetful}))


@pytest.mark.parametrize("broken", [0.3, float("nan")])
def test_another_result_is_an_error_that_says_how_far_off(broken):
    def off(graph):
        def run(*arguments):
            labels, scores = graph(*arguments)
            scores = scores.clone()
            scores[0, 0, 0, 0] += broken * scores.abs().max()
            return labels, scores

        return run

    checks = compare(tiny_arseg(), {"nonkeyframe": off})
    with pytest.raises(ValueError, match=r"nonkeyframe graph does not .* 100\.0000% of the"):
        require_equal(checks)


def test_other_labels_are_an_error():
    def off(graph):
        def run(image):
            labels, *rest = graph(image)
            return ((labels + (torch.arange(SIZE[1]) < 1)).to(torch.uint8), *rest)

        return run

    checks = compare(tiny_arseg(), {"keyframe": off})
    with pytest.raises(ValueError, match=r"keyframe graph .* 98\.5714% of the labels are equal \("):
        require_equal(checks)


def test_an_error_in_one_frame_of_many_is_kept():
    runs = []

    def off(graph):
        def run(*arguments):
            runs.append(graph.role)
            labels, scores, *rest = graph(*arguments)
            return (labels, scores * (float("nan") if len(runs) == 1 else 1), *rest)

        return run

    with pytest.raises(ValueError, match=r"score graph .* scores differ by up to nan"):
        require_equal(compare(decided(Recurrent()), {"score": off}))
    assert len(runs) == 2
