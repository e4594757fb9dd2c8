"""How the keyframe's knowledge travels to the current frame, and how the two meet."""

from arseg_lightning.propagation.alternatives import ConvFusion, GlobalAttention, NoFusion
from arseg_lightning.propagation.creff import CReFF
from arseg_lightning.propagation.fusion import Fusion
from arseg_lightning.propagation.warp import Convention, motion_to_grid, warp, warp_to
from arseg_lightning.propagation.window_attention import WindowAttention, window_attention

__all__ = [
    "CReFF",
    "ConvFusion",
    "Convention",
    "Fusion",
    "GlobalAttention",
    "NoFusion",
    "WindowAttention",
    "motion_to_grid",
    "warp",
    "warp_to",
    "window_attention",
]
