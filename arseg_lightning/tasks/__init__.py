"""LightningModules: one for any video method, and AR-Seg's phases by name."""

from arseg_lightning.tasks.high_res import HighResTask
from arseg_lightning.tasks.joint import JointTask
from arseg_lightning.tasks.low_res import LowResTask
from arseg_lightning.tasks.video_task import VideoTask

__all__ = ["HighResTask", "JointTask", "LowResTask", "VideoTask"]
