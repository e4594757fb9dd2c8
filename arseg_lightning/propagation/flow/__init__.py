"""Networks that estimate motion from two images, for videos without useful codec motion."""

from arseg_lightning.propagation.flow.flow_network import (
    FlowNetwork,
    clip_motion,
    load_flow_weights,
)
from arseg_lightning.propagation.flow.flownet import FlowNetS
from arseg_lightning.propagation.flow.raft import RAFTSmall

__all__ = ["FlowNetS", "FlowNetwork", "RAFTSmall", "clip_motion", "load_flow_weights"]
