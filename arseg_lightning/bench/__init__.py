"""Speed of methods against their baselines and their arithmetic; methods compared on frames."""

from arseg_lightning.bench.case import BenchCase, BenchSettings, MethodSet
from arseg_lightning.bench.compare import LabelledStreams, compare_methods
from arseg_lightning.bench.measure import bench

__all__ = ["BenchCase", "BenchSettings", "LabelledStreams", "MethodSet", "bench"]
__all__ += ["compare_methods"]
