"""Export of methods as graphs, to ONNX and ``torch.export``, with a written contract."""

from arseg_lightning.export.contract import CONTRACT_NAME, Contract, ExportFormat, read_contract
from arseg_lightning.export.export import ExportSettings, export_method
from arseg_lightning.export.int8 import Int8Settings
from arseg_lightning.export.onnx_method import OnnxMethod
from arseg_lightning.export.runtime import DEFAULT_RUNTIME, Runtime

__all__ = [
    "CONTRACT_NAME",
    "DEFAULT_RUNTIME",
    "Contract",
    "ExportFormat",
    "ExportSettings",
    "Int8Settings",
    "OnnxMethod",
    "Runtime",
    "export_method",
    "read_contract",
]
