"""Writes the graphs of a method with their contract, checked against the method."""

from __future__ import annotations

import copy
import gc
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from arseg_lightning import __version__
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.check import Runner, agreements, examples, require_equal
from arseg_lightning.export.contract import (
    Agreement,
    Contract,
    ExportFormat,
    GraphContract,
    TensorContract,
)
from arseg_lightning.export.graphs import RoleGraph
from arseg_lightning.export.onnx_file import OPSET, OnnxGraph, write_onnx
from arseg_lightning.export.signature import NEXT, lay_out
from arseg_lightning.export.torch_file import TorchGraph, write_torch
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import RoleCycle, VideoMethod
from arseg_lightning.propagation.gathered_attention import gather_attention
from arseg_lightning.types import ClassSet
from arseg_lightning.video.chain import Chaining

__all__ = ["ExportSettings", "export_method"]

_MEANINGS = {
    "image": "RGB pixels, 0 to 255, as decoded: not normalised",
    "motion": "from each pixel to where it was in the reference, in pixels: x right, y down",
    "valid": "false where no vector led to the reference and motion was filled in",
    "labels": "best class of every pixel",
    "scores": "logit of every class, on the grid of the network's feature",
}


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What the graphs are made for.

    Args:
        size: Height and width of the frames.
        classes: Classes that the networks tell apart.
        normalise: Normalisation of images that the networks were trained with.
        chaining: How motion is composed over frames.
        format: Kind of files.
        any_batch: Whether the graphs take any number of frames at once, instead of one.
    """

    size: tuple[int, int]
    classes: ClassSet
    normalise: Normalisation = field(default_factory=Normalisation)
    chaining: Chaining = "subpixel"
    format: ExportFormat = "onnx"
    any_batch: bool = False


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
            missing, or a graph does not agree with the method.
    """
    if folder.exists() and not overwrite:
        raise FileExistsError(f"{folder} exists; add --overwrite true to replace it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        made = Path(temporary) / "export"
        made.mkdir()
        try:
            contract = _export(method, made, settings)
        finally:
            # torch's tracer makes a subclass of every module's class. Until they are collected, a
            # configuration that is parsed in this process finds two classes of each name.
            gc.collect()
        contract.write(made)
        if folder.exists():
            folder.rename(Path(temporary) / "before")
        made.rename(folder)
    return contract


def _export(method: VideoMethod, folder: Path, settings: ExportSettings) -> Contract:
    """Write and check the graphs."""
    cycle, signatures = lay_out(method, settings.size)
    traced = _traceable(method)
    graphs: dict[str, RoleGraph] = {}
    runners: dict[str, Runner] = {}
    for role, signature in signatures.items():
        graphs[role] = RoleGraph(traced, role, signature, settings.normalise)
        runners[role] = _write(graphs[role], folder, settings)
    streams = examples(settings.size, settings.any_batch)
    checks = agreements(copy.deepcopy(method).eval(), graphs, runners, cycle, streams)
    require_equal(checks)
    return _contract(method, settings, cycle, graphs, checks)


def _write(graph: RoleGraph, folder: Path, settings: ExportSettings) -> Runner:
    """Write a graph, and open what was written."""
    kind = _FORMATS[settings.format]
    path = folder / f"{graph.role}.{kind.ending}"
    # An example of one frame would fix the number of frames.
    example = graph.example(2 if settings.any_batch else 1)
    try:
        kind.write(graph, example, path, settings.any_batch)
    except RuntimeError as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ValueError(
            f"the step of {graph.method.name} for the role {graph.role} cannot be written as a "
            f"graph ({reason}); a step is made of operators on tensors, and what branches belongs "
            f"into plan"
        ) from error
    return kind.run(path)


def _traceable(method: VideoMethod) -> VideoMethod:
    """Copy a method with less arithmetic, and with nothing but operators that runtimes know."""
    fast = method.for_inference(_ALGEBRA)
    gather_attention(fast)
    return fast


_ALGEBRA = Optimisations(factored_enlargement=False, fused_fusion=False, channels_last=False)
"""What needs no kernels of ours; the layout in memory is the runtime's own choice."""


def _contract(
    method: VideoMethod,
    settings: ExportSettings,
    cycle: RoleCycle,
    graphs: Mapping[str, RoleGraph],
    checks: Mapping[str, tuple[Agreement, ...]],
) -> Contract:
    """Say what was written."""
    return Contract(
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
        graphs={
            role: GraphContract(
                file=f"{role}.{_FORMATS[settings.format].ending}",
                align_corners=graph.signature.align_corners,
                inputs=_inputs(graph, settings.any_batch),
                outputs=_outputs(graph, settings.any_batch),
                checks=checks[role],
            )
            for role, graph in graphs.items()
        },
        versions=_versions(settings.format),
    )


def _inputs(graph: RoleGraph, any_batch: bool) -> tuple[TensorContract, ...]:
    """What goes into a graph."""
    planned = "made by the method's plan"
    state = "state: the last next_{0} that a graph gave"
    return tuple(
        _tensor(name, like, any_batch and is_batch, state.format(name) if is_batch else planned)
        for name, like, is_batch in zip(
            graph.inputs, graph.example(), graph.batch_axes(), strict=True
        )
    )


def _outputs(graph: RoleGraph, any_batch: bool) -> tuple[TensorContract, ...]:
    """What comes out of a graph."""
    return tuple(
        _tensor(name, like, any_batch, f"state {name.removeprefix(NEXT)} from here on")
        for name, like in graph.signature.results.items()
    )


def _tensor(name: str, like: Tensor, any_batch: bool, meaning: str) -> TensorContract:
    shape = ("batch", *like.shape[1:]) if any_batch else tuple(like.shape)
    dtype = str(like.dtype).removeprefix("torch.")
    return TensorContract(name, dtype, shape, _MEANINGS.get(name, meaning))


class _Format(NamedTuple):
    """How a kind of files is written and run."""

    write: Callable[[RoleGraph, tuple[Tensor, ...], Path, bool], None]
    run: Callable[[Path], Runner]
    ending: str


_FORMATS: dict[ExportFormat, _Format] = {
    "onnx": _Format(write_onnx, OnnxGraph, "onnx"),
    "torch": _Format(write_torch, TorchGraph, "pt2"),
}


def _versions(format: ExportFormat) -> dict[str, str]:
    """Versions of what made the files."""
    packages = ["torch", *(("onnx", "onnxscript", "onnxruntime") if format == "onnx" else ())]
    versions = {name: version(name) for name in packages}
    opset = {"opset": str(OPSET)} if format == "onnx" else {}
    return {"arseg_lightning": __version__, **versions, **opset}
