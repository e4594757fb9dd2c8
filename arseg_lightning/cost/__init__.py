"""Multiply-accumulates of networks and video methods, measured from the modules."""

from arseg_lightning.cost.counting import CountsMacs, count_macs
from arseg_lightning.cost.gop import Counting, GopCost, arseg_cost, every_frame_cost

__all__ = ["Counting", "CountsMacs", "GopCost", "arseg_cost", "count_macs", "every_frame_cost"]
