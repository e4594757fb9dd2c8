"""Results: files, tables and plots."""

from arseg_lightning.report.result import MethodResult, RoleResult, RunResult

__all__ = ["MethodResult", "RoleResult", "RunResult"]
