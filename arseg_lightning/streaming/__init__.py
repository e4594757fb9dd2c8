"""Video from a file, a camera or an address, segmented a frame at a time."""

from arseg_lightning.streaming.device import choose_device
from arseg_lightning.streaming.load import load_run, segmenter_of
from arseg_lightning.streaming.segmenter import Segmenter

__all__ = ["Segmenter", "choose_device", "load_run", "segmenter_of"]
