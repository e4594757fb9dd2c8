"""Multiply-accumulates of networks and video methods, measured from the modules."""

from arseg_lightning.cost.counting import CountsMacs, count_macs
from arseg_lightning.cost.gop import (
    Counting,
    GopCost,
    arseg_cost,
    every_frame_cost,
    warped_key_cost,
)
from arseg_lightning.cost.systems import system_cost

__all__ = [
    "Counting",
    "CountsMacs",
    "GopCost",
    "arseg_cost",
    "count_macs",
    "every_frame_cost",
    "system_cost",
    "warped_key_cost",
]
