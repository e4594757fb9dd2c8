"""The four pairs of network and data set in the paper's cost tables."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from arseg_lightning.cost import Counting, GopCost, arseg_cost, every_frame_cost
from arseg_lightning.models import BiSeNet18, PSPNet18, PSPNet18Stride8, Segmentor
from arseg_lightning.propagation.creff import CReFF


@dataclass(frozen=True)
class Pair:
    """A network for a data set; its weights have shapes but no numbers."""

    network: type[Segmentor]
    num_classes: int
    size: tuple[int, int]

    def every_frame(self, counting: Counting, resolution_ratio: float = 1.0) -> GopCost:
        with torch.device("meta"):
            network = self.network(self.num_classes)
        return every_frame_cost(
            network, self.size, resolution_ratio=resolution_ratio, counting=counting
        )

    def arseg(self, counting: Counting, resolution_ratio: float) -> GopCost:
        with torch.device("meta"):
            network = self.network(self.num_classes)
            fusion = CReFF(network.feature_channels)
        return arseg_cost(
            network,
            network,
            fusion,
            self.size,
            resolution_ratio=resolution_ratio,
            counting=counting,
        )


PAIRS = {
    "camvid-psp18": Pair(PSPNet18, 12, (720, 960)),
    "camvid-bise18": Pair(BiSeNet18, 12, (720, 960)),
    "cityscapes-psp18": Pair(PSPNet18Stride8, 19, (1024, 2048)),
    "cityscapes-bise18": Pair(BiSeNet18, 19, (1024, 2048)),
}
