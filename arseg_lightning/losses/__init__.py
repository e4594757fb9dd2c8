"""Training losses: segmentation losses on all outputs of a network, and FST."""

from arseg_lightning.losses.overlap import IoULoss, LovaszSoftmax
from arseg_lightning.losses.segmentation import (
    CrossEntropy,
    OnlineHardExampleMining,
    SegmentationLoss,
)
from arseg_lightning.losses.set_loss import SetLoss
from arseg_lightning.losses.similarity import FST

__all__ = [
    "FST",
    "CrossEntropy",
    "IoULoss",
    "LovaszSoftmax",
    "OnlineHardExampleMining",
    "SegmentationLoss",
    "SetLoss",
]
