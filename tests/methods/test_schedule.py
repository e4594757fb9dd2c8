"""The roles of a stream before there is one."""

from __future__ import annotations

import pytest
import torch

from arseg_lightning.methods import (
    Adaptive,
    ARSeg,
    EveryL,
    FeaturePropagation,
    NominalStream,
    PerFrame,
    Plan,
    RoleCycle,
    VideoMethod,
    role_cycle,
)
from tests.tiny import TinyNet

SIZE = (24, 32)
KEY, OTHER = ("keyframe",), ("nonkeyframe",)


class Planned(VideoMethod):
    """Its frames have the roles that it was given; its state counts the steps of a frame."""

    roles = ("start", "probe", "even", "odd")

    def __init__(self, roles_of, period):
        super().__init__()
        self.roles_of = roles_of
        self.period = period

    def plan(self, info, state, memory):
        roles = self.roles_of(info.index)
        done = int(state["done"].shape[1]) % len(roles) if state else 0
        return Plan(roles[done], final=done + 1 == len(roles))

    def step(self, role, frame, state, **inputs):
        count = state["done"].shape[1] + 1 if state else 1
        last = role != "probe"
        return None, {"done": frame.image.new_zeros(1, 0 if last else count)}

    def losses(self, clip):
        return {}


def cycle_of(method):
    method = method.eval().to("meta")
    return role_cycle(method, SIZE)


def test_every_frame_by_itself_is_a_cycle_of_one():
    assert cycle_of(PerFrame(3, TinyNet)) == RoleCycle((), (("frame",),), repeats=True)


def test_a_keyframe_every_4_frames_is_a_cycle_of_4():
    found = cycle_of(ARSeg(3, TinyNet, clock=EveryL(4)))
    assert found == RoleCycle((), (KEY, OTHER, OTHER, OTHER), repeats=True)


def test_a_clock_that_looks_at_frames_shows_its_longest_interval():
    found = cycle_of(FeaturePropagation(3, TinyNet, clock=Adaptive(max_interval=5)))
    assert found == RoleCycle((), (KEY, *[OTHER] * 4), repeats=False)


def test_what_a_stream_does_at_its_start_is_told_from_what_repeats():
    def roles_of(index):
        return ("start",) if index < 3 else ("even",) if index % 2 == 0 else ("odd",)

    found = cycle_of(Planned(roles_of, period=2))
    # The cycle starts at a multiple of the period.
    assert found.start == (("start",), ("start",), ("start",), ("odd",))
    assert found.cycle == (("even",), ("odd",))


def test_a_frame_may_take_several_steps():
    found = cycle_of(Planned(lambda index: ("probe", "even" if index % 2 else "odd"), period=2))
    assert sorted(found.cycle) == [("probe", "even"), ("probe", "odd")]
    assert found.start == ()


def test_without_a_period_several_frames_stand_for_a_stream():
    found = cycle_of(Planned(lambda index: ("even",) if index % 2 == 0 else ("odd",), period=None))
    assert found == RoleCycle((), (("even",), ("odd",)) * 4, repeats=False)


def test_a_plan_that_looks_at_values_is_named():
    method = PerFrame(3, TinyNet).eval().to("meta")
    state = {"seen": torch.ones(1, device="meta")}
    method.step = lambda role, frame, before: (None, state)
    method.plan = lambda info, before, memory: Plan("frame", executed=float(sum(before.values())))
    with pytest.raises(ValueError, match="the plan of 1x looks at values of its state, which has"):
        role_cycle(method, SIZE)


def test_a_step_may_be_replaced():
    taken = []

    def step(plan, frame, state):
        taken.append(plan.role)
        return None, state

    method = ARSeg(3, TinyNet, clock=EveryL(2))
    frames = [method.still(torch.zeros(1, 3, *SIZE))] * 3
    assert [roles for roles, _ in NominalStream(method, step).run(frames)] == [KEY, OTHER, KEY]
    assert taken == ["keyframe", "nonkeyframe", "keyframe"]


def test_a_still_frame_has_motion_where_a_method_needs_it():
    image = torch.zeros(1, 3, *SIZE, device="meta")
    assert PerFrame(3, TinyNet).still(image).motion is None
    frame = ARSeg(3, TinyNet).still(image)
    assert frame.field().shape == (1, 2, *SIZE)
    assert frame.image.is_meta
