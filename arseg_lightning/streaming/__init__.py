"""Segmentation of video from a file, a camera or an address, a frame at a time."""

from arseg_lightning.streaming.load import load_run, segmenter_of
from arseg_lightning.streaming.segmenter import Segmenter

__all__ = ["Segmenter", "load_run", "segmenter_of"]
