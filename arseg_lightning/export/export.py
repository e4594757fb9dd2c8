"""Writes the graphs of a system with their contract, checked against the system."""

from __future__ import annotations

import copy
import gc
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from arseg_lightning import __version__
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.attention import gather_attention
from arseg_lightning.export.check import Runner, agreements, examples, require_equal
from arseg_lightning.export.contract import (
    Agreement,
    Contract,
    ExportFormat,
    GraphContract,
    TensorContract,
)
from arseg_lightning.export.graphs import Graph, graphs_of
from arseg_lightning.export.onnx_file import OPSET, OnnxGraph, write_onnx
from arseg_lightning.export.torch_file import TorchGraph, write_torch
from arseg_lightning.inference import Optimisations, optimise
from arseg_lightning.systems.system import Role, VideoSystem
from arseg_lightning.types import ClassSet
from arseg_lightning.video.chain import Chaining

__all__ = ["ExportSettings", "export_system"]

_MEANINGS = {
    "image": "RGB pixels, 0 to 255, as decoded: not normalised",
    "motion": "from each pixel to where it was in the keyframe, in pixels: x right, y down",
    "carried": "what the keyframe hands on to the frames that refer to it",
    "labels": "best class of every pixel",
    "scores": "logit of every class, on the grid of the network's feature",
}


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What the graphs are made for.

    Args:
        size: Height and width of the frames.
        classes: Classes that the networks tell apart.
        keyframe_interval: L.
        normalise: Normalisation of images that the networks were trained with.
        chaining: How motion is composed over the frames since the keyframe.
        format: Kind of files.
        any_batch: Whether the graphs take any number of frames at once, instead of one.
    """

    size: tuple[int, int]
    classes: ClassSet
    keyframe_interval: int
    normalise: Normalisation = field(default_factory=Normalisation)
    chaining: Chaining = "subpixel"
    format: ExportFormat = "onnx"
    any_batch: bool = False


def export_system(
    system: VideoSystem, folder: Path, settings: ExportSettings, overwrite: bool = False
) -> Contract:
    """Write the graphs of a system to a folder, which appears when they are proven equal.

    Args:
        system: The system, with its weights, on the CPU; it is left as it is.
        folder: Where to write.
        settings: What the graphs are made for.
        overwrite: Replace a folder that is there already.

    Raises:
        FileExistsError: If the folder is there already.
        ValueError: If a package is missing, or a graph does not agree with the system.
    """
    if folder.exists() and not overwrite:
        raise FileExistsError(f"{folder} exists; add --overwrite true to replace it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as place:
        made = Path(place) / "export"
        made.mkdir()
        try:
            contract = _export(system, made, settings)
        finally:
            # torch's tracer makes a subclass of every module's class. Until they are collected, a
            # configuration that is parsed in this process finds two classes of each name.
            gc.collect()
        contract.write(made)
        if folder.exists():
            folder.rename(Path(place) / "before")
        made.rename(folder)
    return contract


def _export(system: VideoSystem, folder: Path, settings: ExportSettings) -> Contract:
    """Write and check the graphs."""
    frame = examples(settings.size)["noise"][0]
    own = graphs_of(copy.deepcopy(system).eval(), settings.normalise, frame)
    traced = graphs_of(_traceable(system), settings.normalise, frame)
    with torch.inference_mode():
        outputs = own["keyframe"].named(own["keyframe"](frame.image))
    carried = outputs.get("carried")
    runners: dict[Role, Runner] = {}
    tensors = {"image": frame.image, "motion": frame.motion, **outputs}
    write, run, ending = _WAYS[settings.format]
    for role, graph in traced.items():
        path = folder / f"{role}.{ending}"
        arguments = graph.arguments(frame, carried)
        if settings.any_batch:
            arguments = tuple(torch.cat([each, each]) for each in arguments)
        write(graph, arguments, path, settings.any_batch)
        runners[role] = run(path)
    checks = agreements(own, runners, examples(settings.size, settings.any_batch))
    require_equal(checks)
    return _contract(system, settings, own, tensors, checks)


def _traceable(system: VideoSystem) -> VideoSystem:
    """Copy a system with less arithmetic, and with nothing but operators that runtimes know."""
    fast = optimise(system, _ALGEBRA)
    gather_attention(fast)
    return fast


_ALGEBRA = Optimisations(factored_enlargement=False, fused_fusion=False, channels_last=False)
"""What needs no kernels of ours; the layout in memory is the runtime's own choice."""


def _contract(
    system: VideoSystem,
    settings: ExportSettings,
    graphs: Mapping[Role, Graph],
    tensors: Mapping[str, Tensor],
    checks: Mapping[Role, tuple[Agreement, ...]],
) -> Contract:
    """Say what was written."""
    return Contract(
        system=type(system).__name__,
        format=settings.format,
        size=settings.size,
        keyframe_interval=settings.keyframe_interval if len(graphs) > 1 else 1,
        class_names=settings.classes.names,
        palette=settings.classes.palette,
        chaining=settings.chaining,
        normalisation=settings.normalise,
        align_corners=graphs["keyframe"].align_corners,
        graphs={
            role: GraphContract(
                file=f"{role}.{_WAYS[settings.format].ending}",
                resolution_ratio=graph.resolution_ratio,
                inputs=_tensors(graph.inputs, tensors, settings.any_batch),
                outputs=_tensors(graph.outputs, tensors, settings.any_batch),
                checks=checks[role],
            )
            for role, graph in graphs.items()
        },
        versions=_versions(settings.format),
    )


def _tensors(
    names: Sequence[str], like: Mapping[str, Tensor], any_batch: bool
) -> tuple[TensorContract, ...]:
    """What goes into a graph, or comes out of it."""
    batch: tuple[int | str] = ("batch",) if any_batch else (1,)
    return tuple(
        TensorContract(
            name,
            dtype=str(like[name].dtype).removeprefix("torch."),
            shape=(*batch, *like[name].shape[1:]),
            meaning=_MEANINGS[name],
        )
        for name in names
    )


class _Way(NamedTuple):
    """How a kind of files is written and run."""

    write: Callable[[Graph, tuple[Tensor, ...], Path, bool], None]
    run: Callable[[Path], Runner]
    ending: str


_WAYS: dict[ExportFormat, _Way] = {
    "onnx": _Way(write_onnx, OnnxGraph, "onnx"),
    "torch": _Way(write_torch, TorchGraph, "pt2"),
}


def _versions(format: ExportFormat) -> dict[str, str]:
    """Versions of what made the files."""
    packages = ["torch", *(("onnx", "onnxscript", "onnxruntime") if format == "onnx" else ())]
    versions = {name: version(name) for name in packages}
    opset = {"opset": str(OPSET)} if format == "onnx" else {}
    return {"arseg_lightning": __version__, **versions, **opset}
