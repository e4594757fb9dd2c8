"""Whole video methods: what happens at each frame of a stream."""

from arseg_lightning.systems.arseg import ARSeg
from arseg_lightning.systems.every_frame import EveryFrame
from arseg_lightning.systems.system import Prediction, StreamFrame, VideoSystem, scaled_size
from arseg_lightning.systems.warped_key import WarpedKey

__all__ = [
    "ARSeg",
    "EveryFrame",
    "Prediction",
    "StreamFrame",
    "VideoSystem",
    "WarpedKey",
    "scaled_size",
]
