"""The cost of methods: each role counted, and the mean that of what frames come to."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from arseg_lightning.cost import MethodCost, count_macs, method_cost
from arseg_lightning.methods import (
    Adaptive,
    EveryL,
    FeaturePropagation,
    Output,
    PerFrame,
    Plan,
    VideoMethod,
)
from tests.tiny import TinyNet

SIZE = (24, 32)
PIXELS = 24 * 32


class Made(VideoMethod):
    """A method of 1x1 convolutions, each of its own width."""

    def __init__(self, widths: dict[str, int]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({role: nn.Conv2d(3, n, 1) for role, n in widths.items()})
        self.roles = tuple(widths)

    def step(self, role, frame, state, **inputs):
        return Output(self.parts[role](frame.image), True), {**state, role: frame.image}

    def losses(self, clip):
        return {}


class Rotating(Made):
    """As TDNet: sub-networks take turns, without keyframes."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__({"path1": 2, "path2": 4, "path3": 8, "path4": 16})
        self.period = 4

    def plan(self, info, state, memory):
        return Plan(self.roles[info.index % 4])


class InParts(Made):
    """As Clockwork: a shallow part on each frame, a deep one after it on every third."""

    def __init__(self) -> None:
        super().__init__({"shallow": 1, "deep": 10})
        self.period = 3

    def plan(self, info, state, memory):
        if info.index % 3 or memory.pop("done", False):
            return Plan("shallow")
        memory["done"] = True
        return Plan("deep", final=False)

    def begin(self):
        return {}


class Blocks(Made):
    """As BlockCopy: a share of the blocks is executed."""

    def __init__(self) -> None:
        super().__init__({"blocks": 4})
        self.period = None

    def plan(self, info, state, memory):
        mask = torch.ones(1, 1, 2, 2)
        return Plan("blocks", inputs={"mask": mask}, executed=0.25 if info.index else 1.0)


class Reusing(Made):
    """Costs less from the second frame on: half of its channels are kept."""

    def __init__(self) -> None:
        super().__init__({"frame": 8})

    def step(self, role, frame, state, **inputs):
        output, _ = super().step(role, frame, {})
        if not state:
            output = Output(self.parts[role](output.scores[:, :3]), True)
        return output, {"kept": output.scores}


def test_sub_networks_in_rotation_are_averaged_over_their_turns():
    cost = method_cost(Rotating(), SIZE)
    macs = {f"path{i}": 3 * 2**i * PIXELS for i in range(1, 5)}
    assert cost.roles == macs
    assert cost.mean_macs == sum(macs.values()) / 4
    assert (cost.frames, cost.repeats) == (4, True)


def test_parts_of_a_frame_add_up():
    cost = method_cost(InParts(), SIZE)
    assert cost.roles == {"deep": 30 * PIXELS, "shallow": 3 * PIXELS}
    assert cost.mean_macs == (3 * 3 + 30) * PIXELS / 3


def test_the_mean_is_that_of_the_executed_shares():
    cost = method_cost(Blocks(), SIZE)
    assert cost.roles == {"blocks": 12 * PIXELS}
    assert cost.mean_macs == 3 * PIXELS
    assert not cost.repeats


def test_the_start_of_a_stream_does_not_count():
    cost = method_cost(Reusing(), SIZE)
    assert cost.roles == {"frame": 24 * PIXELS}
    assert cost.mean_macs == 24 * PIXELS


@pytest.mark.parametrize("interval", [1, 2, 30])
def test_a_keyframe_is_weighed_against_the_others(interval):
    method = FeaturePropagation(3, TinyNet)
    method.clock = EveryL(interval)
    key = count_macs(method.network, torch.empty(1, 3, *SIZE))
    other = 8 * 3 * (SIZE[0] // 4) * (SIZE[1] // 4)
    cost = method_cost(method, SIZE)
    assert cost.mean_macs == pytest.approx((key + (interval - 1) * other) / interval)
    assert cost.roles == {"keyframe": key} | ({"nonkeyframe": other} if interval > 1 else {})


def test_a_clock_that_looks_at_frames_has_a_nominal_mean():
    method = FeaturePropagation(3, TinyNet)
    method.clock = Adaptive(max_interval=10)
    cost = method_cost(method, SIZE)
    assert not cost.repeats
    assert cost.frames == 10
    assert cost.mean_macs < cost.roles["keyframe"]


def test_long_cycles_count_each_step_once(monkeypatch):
    method = FeaturePropagation(3, TinyNet)
    method.clock = EveryL(200)
    calls = []
    step = FeaturePropagation.step
    monkeypatch.setattr(
        FeaturePropagation, "step", lambda *args, **rest: calls.append(1) or step(*args, **rest)
    )
    method_cost(method, SIZE)
    assert len(calls) <= 4


def test_a_run_costs_what_it_has_executed():
    cost = MethodCost({"keyframe": 100.0, "nonkeyframe": 10.0}, 40.0, frames=3, repeats=False)
    assert cost.mean_over({"keyframe": 2.0, "nonkeyframe": 7.5}, frames=10) == 27.5
    assert math.isnan(cost.mean_over({}, frames=0))


def test_a_role_that_frames_never_have_is_named():
    class Unreached(Rotating):
        def plan(self, info, state, memory):
            return Plan("path1")

    with pytest.raises(ValueError, match=r"the role path2, path3, path4 is not known: .*is_nomin"):
        method_cost(Unreached(), SIZE)


def test_a_method_stays_as_it_is():
    method = PerFrame(3, TinyNet).train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method_cost(method, SIZE)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert method.training
    assert not any(module._forward_hooks for module in method.modules())
