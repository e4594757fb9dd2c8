"""Who runs the ONNX files of an export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor

from arseg_lightning.export.onnx_file import CPU, OnnxGraph
from arseg_lightning.export.openvino_file import OpenVinoGraph

__all__ = ["DEFAULT_RUNTIME", "Runner", "Runtime", "open_graph"]

Runtime = Literal["onnxruntime", "openvino"]
"""``onnxruntime`` for ONNX Runtime, ``openvino`` for OpenVINO's own reader of ONNX files."""

DEFAULT_RUNTIME: Runtime = "onnxruntime"

Runner = Callable[..., tuple[Tensor, ...]]
"""Runs an exported graph: its inputs in order to its outputs in order."""


def open_graph(path: Path, runtime: Runtime, providers: Sequence[str] = CPU) -> Runner:
    """Open an ONNX file.

    Args:
        path: The file.
        runtime: Who runs it.
        providers: ONNX Runtime's execution providers, the preferred first; OpenVINO has none.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the runtime's package is missing, or it does not run the file.
    """
    return OpenVinoGraph(path) if runtime == "openvino" else OnnxGraph(path, providers)
