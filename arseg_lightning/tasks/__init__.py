"""LightningModules: one for any video method, and those of AR-Seg's phases."""

from arseg_lightning.tasks.phases import JointTask, LowResTask, PerFrameTask
from arseg_lightning.tasks.video_task import VideoTask

__all__ = ["JointTask", "LowResTask", "PerFrameTask", "VideoTask"]
