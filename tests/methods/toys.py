"""Methods made up for the laws of streams: they remember, take several steps, or learn."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from arseg_lightning.methods import Needs, Output, Plan, VideoMethod
from arseg_lightning.propagation import warp_to
from tests.tiny import TinyNet


class Toy(VideoMethod):
    """Scores a feature by a small network's classifier."""

    roles = ("frame",)

    def __init__(self, num_classes=11):
        super().__init__()
        torch.manual_seed(0)
        self.network = TinyNet(num_classes)
        nn.init.normal_(self.network.classifier.weight)
        self.eval()

    def score(self, feature):
        return Output(self.network.classifier(feature), self.network.align_corners, feature)

    def losses(self, clip):
        raise NotImplementedError


class RunningMean(Toy):
    """Remembers the mean of all features so far, warped from frame to frame."""

    needs = Needs(motion="previous", frames=2)
    roles = ("first", "next")

    def plan(self, info, state, memory):
        return Plan("first" if info.start else "next", reason=info.start)

    def step(self, role, frame, state, **inputs):
        feature = self.network.features(frame.image)
        count = feature.new_ones(len(feature))
        if role == "next":
            count = state["count"] + 1
            warped = warp_to(state["mean"], frame.field())
            feature = warped + (feature - warped) / count[:, None, None, None]
        return self.score(feature), {"mean": feature, "count": count}


class InParts(Toy):
    """A frame is a shallow step, and every third one a deep step after it."""

    roles = ("shallow", "deep")
    period = 3

    def begin(self):
        return {"index": -1}

    def plan(self, info, state, memory):
        if memory["index"] == info.index:
            return Plan("deep", executed=0.5, reason="third")
        memory["index"] = info.index
        return Plan("shallow", final=info.index % 3 != 0)

    def step(self, role, frame, state, **inputs):
        if role == "deep":
            deep = self.network.features(frame.image)
            return self.score(deep), {**state, "deep": deep}
        small = self.network.features(functional.avg_pool2d(frame.image, 2))
        state = {**state, "small": small}
        if "deep" not in state:
            return None, state
        deep = state["deep"]
        return self.score(deep + functional.interpolate(small, deep.shape[-2:])), state


class Learning(Toy):
    """Each stream learns a bias of its own, by an optimiser in its memory."""

    adapted = ("network",)

    def begin(self):
        bias = nn.Parameter(self.network.classifier.bias.clone())
        return bias, torch.optim.SGD([bias], lr=0.1)

    def plan(self, info, state, memory):
        return Plan("frame", inputs={"bias": memory[0].detach()})

    def step(self, role, frame, state, **inputs):
        output = self.score(self.network.features(frame.image))
        added = output.scores + inputs["bias"][None, :, None, None]
        return Output(added, output.align_corners, output.feature), {}

    @torch.enable_grad()
    def adapt(self, memory, plan, output, state):
        bias, optimiser = memory
        optimiser.zero_grad()
        (output.scores + bias[None, :, None, None]).softmax(1).square().mean().backward()
        optimiser.step()
