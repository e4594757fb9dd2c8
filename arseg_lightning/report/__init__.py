"""Results: files, tables and pictures."""

from arseg_lightning.report.plot import plot_distances
from arseg_lightning.report.result import MethodResult, RoleResult, RunResult
from arseg_lightning.report.table import distance_table, recovered_share, roles_table

__all__ = [
    "MethodResult",
    "RoleResult",
    "RunResult",
    "distance_table",
    "plot_distances",
    "recovered_share",
    "roles_table",
]
