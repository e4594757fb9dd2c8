"""Warp of a keyframe's feature to the current frame, and its fusion there: CReFF."""

from arseg_lightning.propagation.fusion import (
    ConvFusion,
    CReFF,
    Fusion,
    GlobalAttention,
    NoFusion,
)
from arseg_lightning.propagation.warp import (
    Convention,
    invert_motion,
    motion_to_grid,
    warp,
    warp_to,
)
from arseg_lightning.propagation.window_attention import WindowAttention, window_attention

__all__ = [
    "CReFF",
    "ConvFusion",
    "Convention",
    "Fusion",
    "GlobalAttention",
    "NoFusion",
    "WindowAttention",
    "invert_motion",
    "motion_to_grid",
    "warp",
    "warp_to",
    "window_attention",
]
