"""Training losses: segmentation losses on all outputs of a network, and FST."""

from arseg_lightning.losses.segmentation import (
    CrossEntropy,
    OnlineHardExampleMining,
    SegmentationLoss,
    segmentation_loss,
)
from arseg_lightning.losses.similarity import FST, FSTLoss

__all__ = ["FST", "CrossEntropy", "FSTLoss", "OnlineHardExampleMining", "SegmentationLoss"]
__all__ += ["segmentation_loss"]
