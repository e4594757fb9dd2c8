"""Graphs as programs of ``torch.export``: no Python of this package is needed to run them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from arseg_lightning.export.graphs import RoleGraph

__all__ = ["TorchGraph", "write_torch"]


def write_torch(
    graph: RoleGraph, arguments: tuple[Tensor, ...], path: Path, any_batch: bool = False
) -> None:
    """Write a graph as a program of ``torch.export``.

    Args:
        graph: The graph.
        arguments: Example inputs, which decide the shapes.
        path: The file, ``.pt2``.
        any_batch: Whether the first axis of inputs and outputs may have any length; the example
            then needs another one than 1.
    """
    with torch.no_grad():
        program = torch.export.export(
            graph,
            arguments,
            dynamic_shapes=graph.dynamic_shapes() if any_batch else None,
            strict=False,
        )
        torch.export.save(program, path)


class TorchGraph:
    """A program of ``torch.export``, ready to run.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._module = torch.export.load(path).module()

    def __call__(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """Run the graph on inputs in order."""
        with torch.inference_mode():
            results: tuple[Tensor, ...] = self._module(*arguments)
        return results
