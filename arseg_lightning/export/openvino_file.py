"""ONNX files of graphs, run by OpenVINO."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

__all__ = ["OpenVinoGraph"]


class OpenVinoGraph:
    """A graph on OpenVINO, on the CPU, in as many threads as torch uses.

    Tensors go in without being copied. What comes out is new: the buffers in which the graph is
    computed are used again in the next run.

    Args:
        path: The ONNX file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If ``openvino`` is missing, or cannot run the file.
    """

    def __init__(self, path: Path) -> None:
        core = _core()
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; export again")
        settings = {
            # Processors with bfloat16 would compute in it by default, and change labels.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": str(torch.get_num_threads()),
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": "NO",  # where threads run is left to who started the process
        }
        try:
            self.compiled = core.compile_model(core.read_model(path), "CPU", settings)
        except RuntimeError as error:
            raise ValueError(
                f"OpenVINO does not run {path} ({_reason(error)}); run it on ONNX Runtime (leave "
                f"out --runtime), or, if the file is broken, export again"
            ) from error
        self._request = self.compiled.create_infer_request()

    def __call__(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """Run the graph on inputs in order."""
        arrays = [argument.detach().cpu().contiguous().numpy() for argument in arguments]
        results = self._request.infer(arrays, share_inputs=True, share_outputs=False)
        return tuple(torch.from_numpy(results[port]) for port in self.compiled.outputs)


def _reason(error: RuntimeError) -> str:
    """What is wrong, of a message that begins with places in OpenVINO's own sources."""
    lines = str(error).strip().splitlines()
    found = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    return "; ".join(found or lines[-1:])


@cache
def _core() -> Any:
    """Load OpenVINO, once for the process.

    Each core (2026.4) has its own stack for signal handlers, and puts back the one before when it
    goes. Of two that go in their order, the first one's stays set, which is gone: Ctrl-C crashes.
    """
    try:
        return import_module("openvino").Core()
    except ModuleNotFoundError as error:
        if error.name != "openvino":
            raise
        raise ValueError(
            "graphs on OpenVINO need the package openvino: pip install "
            "'arseg_lightning[openvino]'; without --runtime they run on ONNX Runtime"
        ) from error
