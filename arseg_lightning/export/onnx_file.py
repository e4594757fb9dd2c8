"""ONNX files of graphs: written by torch, run by ONNX Runtime."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.utils.dlpack import from_dlpack

from arseg_lightning.export.graphs import RoleGraph

__all__ = ["CPU", "OPSET", "OnnxGraph", "write_onnx"]

OPSET = 20
"""Version of ONNX's operators: the oldest with the GridSample that all runtimes agree on."""

CPU = ("CPUExecutionProvider",)


def write_onnx(program: ExportedProgram, graph: RoleGraph, path: Path) -> None:
    """Write a graph, as a program, as an ONNX file with its weights inside.

    Raises:
        ValueError: If a package is missing.
    """
    for package in ("onnx", "onnxscript"):
        require(package)
    with _quiet():
        written = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=graph.inputs,
            output_names=graph.outputs,
            verbose=False,
        )
        if written is None:
            raise TypeError("torch.onnx.export returned no program")
        written.save(str(path), external_data=False)


class OnnxGraph:
    """A graph on ONNX Runtime; tensors go in and come out without being copied.

    Args:
        path: The ONNX file.
        providers: ONNX Runtime's execution providers, the preferred first.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If ``onnxruntime`` or a provider is missing, or the file is broken.
    """

    def __init__(self, path: Path, providers: Sequence[str] = CPU) -> None:
        self._runtime = require("onnxruntime")
        available = self._runtime.get_available_providers()
        if missing := [name for name in providers if name not in available]:
            raise ValueError(
                f"ONNX Runtime has no {', '.join(missing)} here; this installation has "
                f"{', '.join(available)} (onnxruntime-gpu brings CUDAExecutionProvider)"
            )
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; export again")
        errors = self._runtime.capi.onnxruntime_pybind11_state
        try:
            self.session = self._runtime.InferenceSession(
                str(path), options, providers=list(providers)
            )
        except (errors.InvalidProtobuf, errors.InvalidGraph, errors.Fail) as error:
            raise ValueError(
                f"{path} is not an ONNX file that ONNX Runtime reads ({error}); export again"
            ) from error
        self.inputs = [each.name for each in self.session.get_inputs()]
        self.outputs = [each.name for each in self.session.get_outputs()]

    def __call__(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """Run the graph on inputs in order."""
        lend, feeds = self._runtime.OrtValue, {}
        for name, argument in zip(self.inputs, arguments, strict=True):
            tensor = argument.detach().contiguous()
            # ONNX Runtime takes no booleans by DLPack, and returns them as bytes.
            if tensor.dtype == torch.bool:
                feeds[name] = lend.ortvalue_from_numpy(tensor.cpu().numpy())
            else:
                feeds[name] = lend.from_dlpack(tensor)
        results = []
        for result in self.session.run_with_ort_values(self.outputs, feeds):
            tensor = from_dlpack(result)
            is_bool = result.data_type() == "tensor(bool)"
            results.append(tensor.view(torch.bool) if is_bool else tensor)
        return tuple(results)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's notes about itself."""
    # torchvision's operators are not registered without torchvision, which nothing here uses
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch 2.13 copies its own trees in a way that it deprecates
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def require(package: str) -> Any:
    """Import a package of the extra ``onnx``.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ValueError(
            f"ONNX graphs need the package {package}: pip install 'arseg_lightning[onnx]'; "
            f"those of `export --format torch` need nothing more"
        ) from error
