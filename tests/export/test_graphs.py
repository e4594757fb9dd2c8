"""Graphs as functions: a step, from pixels to labels, and nothing else."""

import torch

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.check import examples
from arseg_lightning.export.graphs import RoleGraph
from arseg_lightning.export.signature import lay_out
from arseg_lightning.methods import FrameInput
from tests.export.made import SIZE, Recurrent, decided, tiny_arseg

NORMALISE = Normalisation(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))


def graphs_of(method):
    _, signatures = lay_out(method, SIZE)
    return {role: RoleGraph(method, role, each, NORMALISE) for role, each in signatures.items()}


@torch.no_grad()
def test_graphs_take_pixels_and_do_what_steps_do():
    method = tiny_arseg()
    graphs = graphs_of(method)
    stream = examples(SIZE)
    frames = [next(stream), next(stream)]
    inputs = [
        FrameInput(NORMALISE(frame["image"].permute(0, 3, 1, 2).float()), frame["motion"])
        for frame in frames
    ]
    key, state = method.step("keyframe", inputs[0], {})
    other, _ = method.step("nonkeyframe", inputs[1], state)
    labels, scores, feature = graphs["keyframe"](frames[0]["image"])
    assert labels.equal(key.labels(SIZE))
    assert scores.equal(key.scores)
    assert feature.equal(state["feature"])
    labels, scores = graphs["nonkeyframe"](frames[1]["image"], frames[1]["motion"], feature)
    assert labels.equal(other.labels(SIZE))
    assert scores.equal(other.scores)
    assert labels.dtype == torch.uint8


@torch.no_grad()
def test_state_under_another_name_is_a_tensor_of_its_own():
    graph = graphs_of(decided(Recurrent()))["look"]
    assert graph.inputs == ("image", "newer")
    image, newer = graph.example()
    _, older = graph(image, newer)
    assert older.equal(newer)
    assert older is not newer


def test_examples_fit_the_inputs():
    graph = graphs_of(tiny_arseg())["nonkeyframe"]
    assert [(each.shape, each.dtype) for each in graph.example()] == [
        ((1, *SIZE, 3), torch.uint8),
        ((1, 2, *SIZE), torch.float32),
        ((1, 8, 13, 18), torch.float32),
    ]
