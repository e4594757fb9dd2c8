"""Inter-BMV: the laws of methods, and its two sides."""

from __future__ import annotations

from arseg_lightning.methods import EveryL, InterBMV
from tests.methods.laws import ExportedLikeAnother, MethodLaws
from tests.tiny import TinyNet


class TestInterBMV(MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, clock=EveryL(3))


class TestDistance(MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, "distance", clock=EveryL(3))


class TestMax(ExportedLikeAnother, MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, "max", masked=False, clock=EveryL(3))


class TestConvolution(ExportedLikeAnother, MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, "conv3x3", clock=EveryL(3))


class TestSmallConvolution(ExportedLikeAnother, MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, "conv1x1", clock=EveryL(3))
