"""Anyone's video, segmented a frame at a time."""

from arseg_lightning.streaming.device import choose_device
from arseg_lightning.streaming.policy import Adaptive, CodecKeyframes, EveryL, KeyframePolicy
from arseg_lightning.streaming.result import StreamResult
from arseg_lightning.streaming.run import load_run, segmenter_of
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.streaming.session import Session

__all__ = [
    "Adaptive",
    "CodecKeyframes",
    "EveryL",
    "KeyframePolicy",
    "Segmenter",
    "Session",
    "StreamResult",
    "choose_device",
    "load_run",
    "segmenter_of",
]
