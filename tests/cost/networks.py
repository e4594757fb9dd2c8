"""The four pairs of network and data set in the paper's cost tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch

from arseg_lightning.cost import MethodCost, method_cost
from arseg_lightning.methods import ARSeg, PerFrame
from arseg_lightning.models import BiSeNet18, PSPNet18, PSPNet18Stride8, Segmentor


@dataclass(frozen=True)
class Pair:
    """A network for a data set; its weights have shapes but no numbers."""

    network: type[Segmentor]
    num_classes: int
    size: tuple[int, int]

    def per_frame(self) -> MethodCost:
        with torch.device("meta"):
            method = PerFrame(self.num_classes, self.network)
        return method_cost(method, self.size)

    def arseg(self, resolution_ratio: float) -> MethodCost:
        return _arseg(self, resolution_ratio)


@cache
def _arseg(pair: Pair, resolution_ratio: float) -> MethodCost:
    with torch.device("meta"):
        method = ARSeg(pair.num_classes, pair.network, resolution_ratio=resolution_ratio)
    return method_cost(method, pair.size)


PAIRS = {
    "camvid-psp18": Pair(PSPNet18, 12, (720, 960)),
    "camvid-bise18": Pair(BiSeNet18, 12, (720, 960)),
    "cityscapes-psp18": Pair(PSPNet18Stride8, 19, (1024, 2048)),
    "cityscapes-bise18": Pair(BiSeNet18, 19, (1024, 2048)),
}
