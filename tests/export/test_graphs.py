"""Graphs as functions: what goes in, what comes out, and that a step is nothing else."""

import pytest
import torch

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.check import examples
from arseg_lightning.export.graphs import graphs_of
from arseg_lightning.systems import EveryFrame, StreamFrame, WarpedKey
from tests.export.made import SIZE, tiny_arseg
from tests.tiny import TinyNet

NORMALISE = Normalisation(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))


@pytest.fixture
def frames():
    return examples(SIZE)["moving shapes"]


@torch.no_grad()
def test_graphs_take_pixels_and_do_what_steps_do(frames):
    system = tiny_arseg()
    graphs = graphs_of(system, NORMALISE, frames[0])
    images = [NORMALISE(frame.image.permute(0, 3, 1, 2).float()) for frame in frames]
    key, state = system.step(StreamFrame(images[0], frames[0].motion, 0), None)
    other, _ = system.step(StreamFrame(images[1], frames[1].motion, 3), state)
    labels, scores, carried = graphs["keyframe"](frames[0].image)
    assert labels.equal(key.labels)
    assert scores.equal(key.scores)
    assert carried.equal(state)
    labels, scores = graphs["nonkeyframe"](frames[1].image, carried, frames[1].motion)
    assert labels.equal(other.labels)
    assert scores.equal(other.scores)
    assert labels.dtype == torch.uint8


def test_every_frame_by_itself_is_one_graph(frames):
    graphs = graphs_of(EveryFrame(TinyNet(3), 0.5).eval(), NORMALISE, frames[0])
    (graph,) = graphs.values()
    assert (graph.inputs, graph.outputs) == (("image",), ("labels", "scores"))
    assert (graph.role, graph.resolution_ratio) == ("keyframe", 0.5)


def test_a_warped_keyframe_is_two_graphs(frames):
    graphs = graphs_of(WarpedKey(TinyNet(3)).eval(), NORMALISE, frames[0])
    assert graphs["keyframe"].outputs == ("labels", "scores", "carried")
    assert graphs["nonkeyframe"].inputs == ("image", "carried", "motion")
    assert {role: graph.resolution_ratio for role, graph in graphs.items()} == {
        "keyframe": 1.0,
        "nonkeyframe": 1.0,
    }
