"""A small system with decided classes, and its exported graphs."""

from __future__ import annotations

import torch

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.export import ExportSettings
from arseg_lightning.propagation import CReFF
from arseg_lightning.systems import ARSeg
from tests.tiny import TinyNet

SIZE = (50, 70)
"""No multiple of anything: strides, tiles, blocks."""

SETTINGS = ExportSettings(SIZE, CAMVID11, keyframe_interval=4)


def tiny_arseg(fusion=None, convention="exact", seed=0):
    torch.manual_seed(seed)
    networks = [TinyNet(11) for _ in range(2)]
    for network in networks:
        torch.nn.init.normal_(network.classifier.weight)
    return ARSeg(*networks, fusion or CReFF(8, window=3), 0.5, convention).eval()
