"""How fast systems run against each other and against their arithmetic, measured in one run."""

from arseg_lightning.bench.case import BenchCase, BenchSettings
from arseg_lightning.bench.measure import bench
from arseg_lightning.bench.plot import plot_bench
from arseg_lightning.bench.result import BenchResult, CaseResult, VariantResult
from arseg_lightning.bench.table import bench_table, stage_table

__all__ = [
    "BenchCase",
    "BenchResult",
    "BenchSettings",
    "CaseResult",
    "VariantResult",
    "bench",
    "bench_table",
    "plot_bench",
    "stage_table",
]
