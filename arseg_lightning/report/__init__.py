"""Results: files, tables and plots."""

from arseg_lightning.report.result import MethodResult, Provenance, RoleResult, RunResult

__all__ = ["MethodResult", "Provenance", "RoleResult", "RunResult"]
