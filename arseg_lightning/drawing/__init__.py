"""Pictures of frames: motion by the colour wheel and as arrows, labels, errors."""

from arseg_lightning.drawing.errors import (
    ErrorKind,
    draw_errors,
    error_kinds,
    error_picture,
    most_confused,
)
from arseg_lightning.drawing.labels import class_legend, overlay, palette_table
from arseg_lightning.drawing.marks import BlockKind, block_kinds, draw_arrows, mark_blocks
from arseg_lightning.drawing.motion_picture import MotionKind, ShownMotion, motion_picture
from arseg_lightning.drawing.wheel import MotionScale, colour_wheel, motion_colours, wheel_legend

__all__ = ["BlockKind", "ErrorKind", "MotionKind", "MotionScale", "ShownMotion", "block_kinds"]
__all__ += ["class_legend"]
__all__ += ["colour_wheel", "draw_arrows", "draw_errors", "error_kinds", "error_picture"]
__all__ += ["mark_blocks", "most_confused", "motion_colours", "motion_picture", "overlay"]
__all__ += ["palette_table", "wheel_legend"]
