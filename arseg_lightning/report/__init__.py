"""Results: files, tables and pictures."""

from arseg_lightning.report.plot import plot_distances
from arseg_lightning.report.result import Provenance, RunResult, SystemResult
from arseg_lightning.report.table import distance_table, recovered_share

__all__ = [
    "Provenance",
    "RunResult",
    "SystemResult",
    "distance_table",
    "plot_distances",
    "recovered_share",
]
