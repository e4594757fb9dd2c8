"""How fast methods run against their baselines and against their arithmetic, in one run."""

from arseg_lightning.bench.case import BenchCase
from arseg_lightning.bench.measure import bench
from arseg_lightning.bench.plot import plot_bench
from arseg_lightning.bench.result import BenchResult, CaseResult, RoleResult, VariantResult
from arseg_lightning.bench.settings import BenchSettings
from arseg_lightning.bench.table import bench_table, stage_table

__all__ = [
    "BenchCase",
    "BenchResult",
    "BenchSettings",
    "CaseResult",
    "RoleResult",
    "VariantResult",
    "bench",
    "bench_table",
    "plot_bench",
    "stage_table",
]
