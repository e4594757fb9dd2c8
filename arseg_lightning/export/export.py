"""Export of a method: graphs with their contract, checked against the method."""

from __future__ import annotations

import copy
import gc
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.check import agreements, require_equal
from arseg_lightning.export.contract import Contract, ExportFormat, GraphContract
from arseg_lightning.export.graphs import RoleGraph
from arseg_lightning.export.int8 import Int8Settings, quantised
from arseg_lightning.export.onnx_file import OPSET, write_onnx
from arseg_lightning.export.runtime import DEFAULT_RUNTIME, Runner, Runtime, open_graph
from arseg_lightning.export.signature import lay_out
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import VideoMethod
from arseg_lightning.provenance import package_versions
from arseg_lightning.types import ClassSet
from arseg_lightning.video.chain import Chaining

__all__ = ["ExportSettings", "export_method"]


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """Settings of an export."""

    size: tuple[int, int]  # height and width of the frames
    classes: ClassSet  # that the networks tell apart
    normalise: Normalisation = field(default_factory=Normalisation)  # that they were trained with
    chaining: Chaining = "subpixel"  # how motion is composed over frames
    format: ExportFormat = "onnx"
    int8: Int8Settings | None = None  # how convolutions become int8; None leaves them in float
    runtime: Runtime = DEFAULT_RUNTIME  # on which ONNX files are proven equal

    def __post_init__(self) -> None:
        """Refuse what is for ONNX files where none are written."""
        if self.int8 is not None and self.format != "onnx":
            raise ValueError(
                f"graphs in int8 are for ONNX Runtime, got format {self.format}; leave out "
                f"--format or --int8"
            )
        if self.runtime != DEFAULT_RUNTIME and self.format != "onnx":
            raise ValueError(
                f"{self.runtime} runs ONNX files, got format {self.format}; leave out --format or "
                f"--runtime"
            )


def export_method(
    method: VideoMethod, folder: Path, settings: ExportSettings, overwrite: bool = False
) -> Contract:
    """Write one graph per role of a method to a folder, which appears when they agree with it.

    Args:
        method: The method, with its weights and its clock, on the CPU; it is left as it is.
        folder: Where to write.
        settings: What the graphs are made for.
        overwrite: Replace a folder that is there already.

    Raises:
        FileExistsError: If the folder is there already.
        ValueError: If the roles depend on what frames show, a step cannot be a graph, a package is
            missing, a graph does not agree with the method, or int8 changes too much.
    """
    if folder.exists() and not overwrite:
        raise FileExistsError(f"{folder} exists; add --overwrite true to replace it")
    if settings.int8 is not None:
        settings.int8.check_video(settings.size)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        made = Path(temporary) / "export"
        made.mkdir()
        try:
            contract, graphs = _export(method, made, settings)
            if settings.int8 is not None:
                exact, made = made, Path(temporary) / "int8"
                parts = settings.int8, settings.classes, settings.runtime
                contract = quantised(contract, graphs, exact, made, *parts)
        finally:
            # torch's tracer makes a subclass of every module's class. Until they are collected, a
            # configuration that is parsed in this process finds two classes of each name.
            gc.collect()
        contract.write(made)
        if folder.exists():
            folder.rename(Path(temporary) / "before")
        made.rename(folder)
    return contract


_ALGEBRA = Optimisations(kernels=False)
"""Optimisations without custom kernels; the memory layout is chosen by the runtime."""

_ENDINGS: dict[ExportFormat, str] = {"onnx": "onnx", "torch": "pt2"}


def _export(
    method: VideoMethod, folder: Path, settings: ExportSettings
) -> tuple[Contract, dict[str, RoleGraph]]:
    """Write and check the graphs."""
    traced = method.for_inference(_ALGEBRA)  # a copy, whose state may be another
    cycle, signatures = lay_out(traced, settings.size)
    graphs = {
        role: RoleGraph(traced, role, signature, settings.normalise, settings.int8 is not None)
        for role, signature in signatures.items()
    }
    files = {role: f"{role}.{_ENDINGS[settings.format]}" for role in graphs}
    runners = {
        role: _write(graph, folder / files[role], settings) for role, graph in graphs.items()
    }
    agreed = agreements(copy.deepcopy(method).eval(), graphs, runners, cycle)
    require_equal(agreed)  # before anything is seen under the folder's name
    versions = package_versions("torch")
    if settings.format == "onnx":
        packages = ("onnx", "onnxscript", settings.runtime)
        versions |= package_versions(*packages) | {"opset": str(OPSET)}
    parts = {
        role: GraphContract(
            file=files[role],
            align_corners=graph.signature.align_corners,
            inputs=graph.inputs,
            outputs=graph.outputs,
            agreement=agreed.get(role),
        )
        for role, graph in graphs.items()
    }
    contract = Contract(
        method=type(method).__name__,
        name=method.name,
        format=settings.format,
        size=settings.size,
        class_names=settings.classes.names,
        palette=settings.classes.palette,
        normalisation=settings.normalise,
        motion=method.needs.motion,
        chaining=settings.chaining,
        key_roles=tuple(role for role in method.roles if role in method.key_roles),
        independent=method.needs.independent,
        schedule=cycle,
        graphs=parts,
        versions=versions,
        lookahead=method.needs.lookahead,
    )
    return contract, graphs


def _write(graph: RoleGraph, path: Path, settings: ExportSettings) -> Runner:
    """Write a graph, and open the file."""
    try:
        with torch.no_grad():
            program = torch.export.export(graph, graph.example(), strict=False)
            if settings.format == "onnx":
                write_onnx(program, graph, path)
                return open_graph(path, settings.runtime)
            torch.export.save(program, path)
            return torch.export.load(path).module()
    except RuntimeError as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ValueError(
            f"the step of {graph.method.name} for the role {graph.role} cannot be written as a "
            f"graph ({reason}); a step is made of operators on tensors, and what branches belongs "
            f"into plan"
        ) from error
