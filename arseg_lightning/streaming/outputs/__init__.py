"""Where results go: overlay video, label pictures, NumPy archives."""

from arseg_lightning.streaming.outputs.arrays import LabelArrays
from arseg_lightning.streaming.outputs.background import InBackground
from arseg_lightning.streaming.outputs.labels import LabelImages, write_label
from arseg_lightning.streaming.outputs.output import CannotWriteOutput, Output
from arseg_lightning.streaming.outputs.overlay import OverlayVideo, OverlayWarning, overlay

__all__ = [
    "CannotWriteOutput",
    "InBackground",
    "LabelArrays",
    "LabelImages",
    "Output",
    "OverlayVideo",
    "OverlayWarning",
    "overlay",
    "write_label",
]
