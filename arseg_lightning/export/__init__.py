"""A system as graphs for other runtimes: ONNX and ``torch.export``, with a written contract."""

from arseg_lightning.export.contract import CONTRACT_NAME, Contract, ExportFormat, read_contract
from arseg_lightning.export.export import ExportSettings, export_system
from arseg_lightning.export.onnx_system import OnnxSystem

__all__ = [
    "CONTRACT_NAME",
    "Contract",
    "ExportFormat",
    "ExportSettings",
    "OnnxSystem",
    "export_system",
    "read_contract",
]
