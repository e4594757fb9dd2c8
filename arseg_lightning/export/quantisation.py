"""Quantisation of a role's graph: the convolutions of its networks in int8, the rest in float."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from arseg_lightning.export.onnx_file import OnnxGraph, require
from arseg_lightning.models.segmentor import Segmentor

__all__ = ["Recorder", "network_weights", "quantise"]

_PASSING = ("Relu", "Clip", "Add", "Mul", "MaxPool", "Concat")
"""Operators that are int8 between two convolutions that are; Resize is faster in float."""

_ACTIVATIONS = ("Relu", "Clip")


class Recorder(OnnxGraph):
    """A graph that writes down what goes into it: an NPZ file for each run.

    Args:
        path: The ONNX file.
        folder: Where the files go.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        super().__init__(path)
        self.folder, self.samples = folder, list[Path]()
        folder.mkdir(parents=True)

    def __call__(self, *arguments: Any) -> tuple[Any, ...]:
        """Run the graph on inputs in order."""
        self.samples.append(self.folder / f"{len(self.samples):06d}.npz")
        arrays = (each.detach().cpu().contiguous().numpy() for each in arguments)
        np.savez(self.samples[-1], **dict(zip(self.inputs, arrays, strict=True)))
        return super().__call__(*arguments)


def network_weights(graph: nn.Module) -> frozenset[str]:
    """Names of the weights of segmentation networks' convolutions, but for their last one.

    Scores decide between classes by small differences; the last convolution is cheap.
    """
    networks = {
        name: part
        for name, part in graph.named_modules(remove_duplicate=False)
        if isinstance(part, Segmentor)
    }
    last = {getattr(part, "classifier", None) for part in networks.values()}
    return frozenset(
        f"{name}.{inner}.weight"
        for name, network in networks.items()
        for inner, part in network.named_modules(remove_duplicate=False)
        if isinstance(part, nn.Conv2d) and part not in last
    )


def quantise(
    path: Path, target: Path, weights: frozenset[str], samples: Sequence[Path]
) -> tuple[int, int]:
    """Write an ONNX graph with convolutions in int8.

    Weights get a scale for each of their channels and 7 bits: processors without VNNI add up pairs
    of products in 16 bits, which 8 bits would overflow, so that labels would depend on the
    processor. Activations get 8 bits over the range that they had in the samples.

    Args:
        path: The graph in float.
        target: The file to write.
        weights: Names of the weights of the convolutions that become int8; those whose output is
            one pixel, which cost nothing, stay.
        samples: Inputs of the graph, NPZ files.

    Returns:
        The number of convolutions in int8, and of all.
    """
    onnx, quantization = require("onnx"), require("onnxruntime.quantization")
    reader: Any = _reader(quantization, samples)
    with tempfile.TemporaryDirectory(prefix=".int8-", dir=target.parent) as folder:
        prepared = Path(folder) / path.name
        # what the quantiser asks for: all shapes; torch has simplified the graph
        quantization.quant_pre_process(
            path, prepared, skip_symbolic_shape=True, skip_optimization=True
        )
        model = onnx.load(prepared)
        convolutions = _convolutions(model, weights)
        if convolutions:
            chosen = [*convolutions, *_between(model, convolutions)]
            # masks of attention, which stay in float, hold -inf, which makes a useless scale
            with np.errstate(invalid="ignore"):
                quantization.quantize_static(
                    prepared,
                    target,
                    reader,
                    op_types_to_quantize=["Conv", *_PASSING],
                    nodes_to_quantize=chosen,
                    per_channel=True,
                    reduce_range=True,
                    activation_type=quantization.QuantType.QUInt8,
                    weight_type=quantization.QuantType.QInt8,
                )
        else:
            target.write_bytes(path.read_bytes())
    return len(convolutions), sum(node.op_type == "Conv" for node in model.graph.node)


def _reader(quantization: Any, samples: Sequence[Path]) -> Any:
    """What gives the quantiser one sample after the other."""

    def arrays() -> Iterator[dict[str, NDArray[Any]]]:
        for sample in samples:
            with np.load(sample) as file:
                yield {name: file[name] for name in file.files}

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._arrays = arrays()

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            return next(self._arrays, None)

    return Reader()


def _convolutions(model: Any, weights: frozenset[str]) -> list[str]:
    """Names of the nodes of the wanted convolutions whose output has more than one pixel."""
    shapes = {
        info.name: [each.dim_value for each in info.type.tensor_type.shape.dim]
        for info in (*model.graph.value_info, *model.graph.output)
    }
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv"
        and node.input[1] in weights
        and shapes.get(node.output[0], [0])[2:] != [1, 1]
    ]


def _between(model: Any, convolutions: Sequence[str]) -> list[str]:
    """Names of the nodes that lead from a convolution in int8 to another, and of activations."""
    nodes = list(model.graph.node)  # each after those that it reads
    chosen = set(convolutions)
    after: set[str] = set()  # tensors that a convolution leads to
    before: set[str] = set()  # tensors that lead to one
    for node in nodes:
        if node.name in chosen or (node.op_type in _PASSING and after & set(node.input)):
            after.update(node.output)
    for node in reversed(nodes):
        if node.name in chosen or (node.op_type in _PASSING and before & set(node.output)):
            before.update(node.input)
    return [
        node.name
        for node in nodes
        if node.op_type in _PASSING
        and after & set(node.output)
        and (node.op_type in _ACTIVATIONS or before & set(node.output))
    ]
