"""Video methods: the contract, the runner, clocks, and one file per published method."""

from arseg_lightning.methods.arseg import ARSeg, FusionFactory, JointARSeg
from arseg_lightning.methods.clock import Adaptive, Clock, CodecKeyframes, EveryL, FrameInfo
from arseg_lightning.methods.clockwork import Clockwork
from arseg_lightning.methods.feature_propagation import FeaturePropagation
from arseg_lightning.methods.method import (
    FrameInput,
    MethodFactory,
    Needs,
    NetworkMethodFactory,
    Plan,
    State,
    VideoMethod,
)
from arseg_lightning.methods.per_frame import PerFrame, shared
from arseg_lightning.methods.runner import Stream
from arseg_lightning.methods.schedule import RoleCycle, blank_frame, nominal_steps, role_cycle
from arseg_lightning.methods.stream_frame import (
    Executed,
    PlannedFrame,
    StreamResult,
    StreamTrace,
)
from arseg_lightning.models.segmentor import Output, SegmentorFactory

DEFAULT_METHOD: NetworkMethodFactory = ARSeg
"""What is measured where no method is named."""

__all__ = [
    "DEFAULT_METHOD",
    "ARSeg",
    "Adaptive",
    "Clock",
    "Clockwork",
    "CodecKeyframes",
    "EveryL",
    "Executed",
    "FeaturePropagation",
    "FrameInfo",
    "FrameInput",
    "FusionFactory",
    "JointARSeg",
    "MethodFactory",
    "Needs",
    "NetworkMethodFactory",
    "Output",
    "PerFrame",
    "Plan",
    "PlannedFrame",
    "RoleCycle",
    "SegmentorFactory",
    "State",
    "Stream",
    "StreamResult",
    "StreamTrace",
    "VideoMethod",
    "blank_frame",
    "nominal_steps",
    "role_cycle",
    "shared",
]
