"""Speed of methods against their baselines and their arithmetic; methods compared on a video."""

from arseg_lightning.bench.case import BenchCase, BenchSettings
from arseg_lightning.bench.compare import Compared, compare_methods
from arseg_lightning.bench.measure import bench

__all__ = ["BenchCase", "BenchSettings", "Compared", "bench", "compare_methods"]
