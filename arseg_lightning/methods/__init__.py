"""Video methods: the contract, the runner, clocks, and one file per published method."""

from functools import partial

from arseg_lightning.methods.accel import Accel
from arseg_lightning.methods.arseg import ARSeg, FusionFactory, JointARSeg
from arseg_lightning.methods.blockcopy import BlockCopy
from arseg_lightning.methods.clock import Adaptive, Clock, CodecKeyframes, EveryL, FrameInfo
from arseg_lightning.methods.clockwork import Clockwork
from arseg_lightning.methods.dff import DFF, FlowFactory
from arseg_lightning.methods.etc import ETC
from arseg_lightning.methods.feature_propagation import FeaturePropagation
from arseg_lightning.methods.interbmv import InterBMV
from arseg_lightning.methods.method import MethodFactory, Needs, NetworkMethodFactory, VideoMethod
from arseg_lightning.methods.mpvss import MPVSS
from arseg_lightning.methods.per_frame import PerFrame, shared
from arseg_lightning.methods.plan import FrameInput, Plan, State, StepFunction
from arseg_lightning.methods.proposals import Proposals
from arseg_lightning.methods.runner import Stream
from arseg_lightning.methods.schedule import NominalStream, RoleCycle, once_per_shape, role_cycle
from arseg_lightning.methods.smoothed import Smoothed
from arseg_lightning.methods.stream_frame import (
    Executed,
    PlannedFrame,
    StreamResult,
)
from arseg_lightning.methods.taplab import TapLab
from arseg_lightning.methods.tdnet import TDNet
from arseg_lightning.methods.token_propagation import TokenPropagation
from arseg_lightning.methods.video_adaptation import VideoAdversarial, VideoSelfTraining
from arseg_lightning.methods.videomt import VidEoMT
from arseg_lightning.methods.weclick import WeClick
from arseg_lightning.models.segmentor import Output, SegmentorFactory

DEFAULT_METHOD: NetworkMethodFactory = ARSeg
"""The method that is measured where none is named."""

TRAINING_FREE: tuple[NetworkMethodFactory, ...] = (
    PerFrame,
    partial(PerFrame, resolution_ratio=0.5),
    FeaturePropagation,
    partial(Smoothed, method=FeaturePropagation),
    partial(TapLab, correction="window"),
    TapLab,
    InterBMV,
)
"""Methods that any trained network runs in as it is; the first is what others are compared with."""

__all__ = [
    "DEFAULT_METHOD",
    "DFF",
    "ETC",
    "MPVSS",
    "TRAINING_FREE",
    "ARSeg",
    "Accel",
    "Adaptive",
    "BlockCopy",
    "Clock",
    "Clockwork",
    "CodecKeyframes",
    "EveryL",
    "Executed",
    "FeaturePropagation",
    "FlowFactory",
    "FrameInfo",
    "FrameInput",
    "FusionFactory",
    "InterBMV",
    "JointARSeg",
    "MethodFactory",
    "Needs",
    "NetworkMethodFactory",
    "NominalStream",
    "Output",
    "PerFrame",
    "Plan",
    "PlannedFrame",
    "Proposals",
    "RoleCycle",
    "SegmentorFactory",
    "Smoothed",
    "State",
    "StepFunction",
    "Stream",
    "StreamResult",
    "TDNet",
    "TapLab",
    "TokenPropagation",
    "VidEoMT",
    "VideoAdversarial",
    "VideoMethod",
    "VideoSelfTraining",
    "WeClick",
    "once_per_shape",
    "role_cycle",
    "shared",
]
