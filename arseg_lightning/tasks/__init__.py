"""LightningModules: one per thing that is trained."""

from arseg_lightning.tasks.base import SegmentationTask
from arseg_lightning.tasks.high_res import HighResTask
from arseg_lightning.tasks.joint import JointTask
from arseg_lightning.tasks.low_res import LowResTask

__all__ = ["HighResTask", "JointTask", "LowResTask", "SegmentationTask"]
