"""Multiply-accumulates of networks and video methods, measured from the modules."""

from arseg_lightning.cost.counting import CountsMacs, count_macs
from arseg_lightning.cost.method_cost import MethodCost, method_cost

__all__ = ["CountsMacs", "MethodCost", "count_macs", "method_cost"]
