"""Small methods with decided classes, whose exported graphs are tested."""

from __future__ import annotations

import torch
from torch import nn

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.export import ExportSettings
from arseg_lightning.methods import ARSeg, EveryL, Needs, Output, PerFrame, Plan, VideoMethod
from arseg_lightning.propagation import CReFF
from tests.tiny import TinyNet

SIZE = (50, 70)
"""No multiple of anything: strides, tiles, blocks."""

SETTINGS = ExportSettings(SIZE, CAMVID11)


def decided(method):
    """The method with classes that differ from pixel to pixel."""
    for name, parameter in method.named_parameters():
        if name.endswith("classifier.weight"):
            nn.init.normal_(parameter)
    method.after_loading()
    return method.eval()


def tiny_arseg(fusion=None, convention="exact", seed=0, keyframe_interval=4):
    torch.manual_seed(seed)
    fusion = fusion or CReFF(8, window=3)
    method = decided(ARSeg(11, TinyNet, lambda channels: fusion, 0.5, convention))
    method.clock = EveryL(keyframe_interval)
    return method


def tiny_per_frame():
    torch.manual_seed(0)
    return decided(PerFrame(11, TinyNet, 0.5))


class Recurrent(VideoMethod):
    """Three tensors of state, three roles, two steps a frame: as unlike AR-Seg as can be.

    The first frame starts the state. Others are seen first (no scores), then scored with what the
    two frames before left, where motion is known.
    """

    needs = Needs(motion="previous")
    roles = ("start", "look", "score")
    period = 3

    def __init__(self, num_classes=11):
        super().__init__()
        self.network = TinyNet(num_classes)
        self.mix = nn.Conv2d(16, 8, 1)

    def plan(self, info, state, memory):
        if info.index % self.period == 0:
            return Plan("start")
        looked = bool(memory) and memory[-1] is info
        memory.append(info)
        return Plan("score") if looked else Plan("look", final=False)

    def begin(self):
        return []

    def step(self, role, frame, state, **inputs):
        if role == "start":
            feature = self.network.features(frame.image)
            known = torch.ones_like(feature[:, :1], dtype=torch.bool)
            return self._output(feature), {"newer": feature, "older": 0.5 * feature, "known": known}
        if role == "look":
            feature = self.network.features(frame.image)
            return None, {**state, "newer": feature, "older": state["newer"]}
        mixed = self.mix(torch.cat([state["newer"], state["older"]], dim=1)).tanh()
        near = frame.valid[:, :, ::4, ::4] & state["known"]
        return self._output(mixed + state["newer"]), {**state, "known": near}

    def losses(self, clip):
        return {}

    def _output(self, feature):
        return Output(self.network.classifier(feature), self.network.align_corners, feature)
