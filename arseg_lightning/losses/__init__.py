"""What trains a network."""

from arseg_lightning.losses.segmentation import (
    CrossEntropy,
    OnlineHardExampleMining,
    SegmentationLoss,
)
from arseg_lightning.losses.similarity import FST, FSTLoss

__all__ = ["FST", "CrossEntropy", "FSTLoss", "OnlineHardExampleMining", "SegmentationLoss"]
