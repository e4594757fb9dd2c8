"""What the steps of roles read and give is found by running them without values."""

import pytest
import torch

from arseg_lightning.export.signature import lay_out
from arseg_lightning.methods import (
    Adaptive,
    EveryL,
    FeaturePropagation,
    Needs,
    Output,
    PerFrame,
    Plan,
    VideoMethod,
)
from tests.export.made import SIZE, Recurrent, tiny_arseg
from tests.tiny import TinyNet


def names(method):
    cycle, signatures = lay_out(method, SIZE)
    return cycle, {role: (each.inputs, tuple(each.results)) for role, each in signatures.items()}


def test_ar_seg_reads_motion_and_the_feature_on_other_frames_only():
    cycle, found = names(tiny_arseg())
    assert found == {
        "keyframe": (("image",), ("labels", "scores", "next_feature")),
        "nonkeyframe": (("image", "motion", "feature"), ("labels", "scores")),
    }
    assert (cycle.start, cycle.cycle) == ((), (("keyframe",), *[("nonkeyframe",)] * 3))


def test_motion_alone_does_not_look_at_the_image():
    _, found = names(FeaturePropagation(3, TinyNet))
    assert found["nonkeyframe"] == (("motion", "feature"), ("labels", "scores"))


def test_a_frame_by_itself_is_an_image():
    cycle, found = names(PerFrame(3, TinyNet))
    assert found == {"frame": (("image",), ("labels", "scores"))}
    assert cycle.cycle == (("frame",),)


def test_parts_of_frames_hand_on_what_they_make_anew():
    cycle, found = names(Recurrent())
    assert found == {
        "start": (("image",), ("labels", "scores", "next_newer", "next_older", "next_known")),
        "look": (("image", "newer"), ("next_newer", "next_older")),
        "score": (("valid", "newer", "older", "known"), ("labels", "scores", "next_known")),
    }
    assert cycle.cycle == (("start",), ("look", "score"), ("look", "score"))


def test_the_method_stays_as_it_is():
    method = tiny_arseg()
    lay_out(method, SIZE)
    assert not any(each.is_meta for each in method.state_dict().values())


def test_a_clock_that_looks_at_frames_is_refused_with_the_remedy():
    method = tiny_arseg()
    method.clock = Adaptive()
    with pytest.raises(ValueError, match=r"AR 0\.5x .*clock Adaptive.*--model\.clock EveryL"):
        lay_out(method, SIZE)


def test_a_schedule_that_looks_at_frames_is_refused():
    method = Recurrent()
    method.period = None
    with pytest.raises(ValueError, match=r"roles of Recurrent depend on what frames show"):
        lay_out(method, SIZE)


def test_a_role_that_is_never_reached_is_named():
    method = tiny_arseg()
    method.clock = EveryL(1)
    with pytest.raises(ValueError, match=r"of AR 0\.5x never reaches the role nonkeyframe"):
        lay_out(method, SIZE)


class Made(VideoMethod):
    """A method whose step is given by the test."""

    needs = Needs()
    roles = ("frame",)

    def __init__(self, step):
        super().__init__()
        self.made, self.inputs = step, {}

    def plan(self, info, state, memory):
        return Plan("frame", self.inputs)

    def step(self, role, frame, state, **inputs):
        return self.made(frame, state, **inputs)

    def losses(self, clip):
        return {}


def scored(image):
    return Output(image, True)


def test_a_role_that_reads_one_thing_now_and_another_later_is_named():
    def step(frame, state):
        mean = frame.image + state["mean"] if state else frame.image
        return scored(mean), {"mean": mean}

    with pytest.raises(
        ValueError, match=r"role frame of Made is one graph, .* make them two roles"
    ):
        lay_out(Made(step), SIZE)


def test_a_step_that_writes_into_its_input_is_named():
    def step(frame, state):
        return scored(frame.image.add_(1)), {}

    with pytest.raises(ValueError, match=r"step of Made for the role frame writes into image"):
        lay_out(Made(step), SIZE)


class Stateful(Made):
    """Two roles, so that the second is given the state of the first."""

    roles = ("first", "frame")

    def plan(self, info, state, memory):
        return Plan("frame" if state else "first")


@pytest.mark.parametrize("name", ["scores", "image"])
def test_a_state_of_the_name_of_something_else_is_named(name):
    def step(frame, state):
        return scored(frame.image + state[name] if state else frame.image), {name: frame.image}

    with pytest.raises(ValueError, match=rf"role frame has two tensors of the name {name}, and"):
        lay_out(Stateful(step), SIZE)


def test_what_a_plan_makes_is_an_input_without_a_batch():
    def step(frame, state, weight):
        return scored(frame.image * weight), {}

    method = Made(step)
    method.inputs = {"weight": torch.tensor(0.5)}
    _, signatures = lay_out(method, SIZE)
    assert signatures["frame"].inputs == ("image", "weight")


def test_a_step_that_reads_no_frame_and_no_state_still_takes_the_image():
    def step(frame, state):
        return scored(torch.zeros(len(frame.image), 3, *frame.size, device="meta")), {}

    assert lay_out(Made(step), SIZE)[1]["frame"].inputs == ("image",)
