"""How fast methods run against their baselines and against their arithmetic, in one run."""

from arseg_lightning.bench.case import BenchCase
from arseg_lightning.bench.measure import bench
from arseg_lightning.bench.variants import BenchSettings

__all__ = ["BenchCase", "BenchSettings", "bench"]
