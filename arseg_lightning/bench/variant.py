"""The systems that are compared, each in the shape in which it runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from arseg_lightning.bench.case import Backend, BenchCase, BenchSettings
from arseg_lightning.cost import GopCost, system_cost
from arseg_lightning.export import ExportSettings, OnnxSystem, export_system
from arseg_lightning.inference import Optimisations, Precision, optimise
from arseg_lightning.propagation import CReFF
from arseg_lightning.systems import ARSeg, EveryFrame, Prediction, StreamFrame, VideoSystem
from arseg_lightning.types import ClassSet

__all__ = ["Variant", "numbered_classes", "variants"]

Kind = Literal["plain", "optimised"]

_FOR_ONNX = Optimisations(factored_enlargement=False, fused_fusion=False, channels_last=False)
"""What the graphs of an export can say: the algebra, but no kernels of ours."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A system in the shape in which it runs.

    Args:
        name: What it is called in tables.
        system: The system, ready to run.
        kind: As it was trained, in plain PyTorch; or optimised.
        backend: Who runs it.
        precision: In what it computes.
        resolution_ratio: Scale s of non-keyframes; 1 if every frame is seen in full.
        cost: Its multiply-accumulates.
    """

    name: str
    system: VideoSystem
    kind: Kind
    backend: Backend
    precision: Precision
    resolution_ratio: float
    cost: GopCost

    @property
    def is_every_frame(self) -> bool:
        """Whether each frame is seen in full."""
        return self.resolution_ratio == 1.0


class PlainSystem(VideoSystem):
    """A system as a few lines of PyTorch run it: labels are the argmax of enlarged scores.

    Args:
        system: The system.
    """

    def __init__(self, system: VideoSystem) -> None:
        super().__init__()
        self.system = system

    def step(self, frame: StreamFrame, state: Any) -> tuple[Prediction, Any]:
        """Segment the next frame, with channels outermost as PyTorch has them by default."""
        frame = replace(frame, image=frame.image.contiguous())
        prediction, state = self.system.step(frame, state)
        return _PlainPrediction(
            *(prediction.scores, prediction.size, prediction.align_corners, prediction.role),
            *(prediction.resolution_ratio, prediction.distance),
        ), state


class _PlainPrediction(Prediction):
    """A prediction whose labels are found without a kernel of ours."""

    @property
    def labels(self) -> Tensor:
        """The best class of every pixel, uint8 of shape (B, H, W)."""
        return self.logits.argmax(dim=1).to(torch.uint8)


def variants(case: BenchCase, settings: BenchSettings) -> Iterator[Variant]:
    """Build everything that is compared on a case; 1.0x in plain PyTorch comes first.

    Raises:
        ValueError: If there is no such network, or a backend's package is missing.
    """
    torch.manual_seed(0)
    systems = _systems(case, settings)
    for ratio, system in systems.items():
        cost = _cost(system, case, settings)
        name = _name(ratio, "plain PyTorch")
        yield Variant(name, PlainSystem(system), "plain", "torch", "float32", ratio, cost)
    for backend in settings.backends:
        for precision in settings.precisions if backend == "torch" else ("float32",):
            for ratio, system in systems.items():
                yield _optimised(system, ratio, case, settings, backend, precision)


def _systems(case: BenchCase, settings: BenchSettings) -> dict[float, VideoSystem]:
    """1.0x every frame, and AR-Seg by ratio; they share their networks."""
    high_res, low_res = (_seen_data(case.build(settings.num_classes)) for _ in range(2))
    fusion = CReFF(high_res.carried_channels, settings.window)
    systems: dict[float, VideoSystem] = {1.0: EveryFrame(high_res)}
    for ratio in settings.resolution_ratios:
        systems[ratio] = ARSeg(high_res, low_res, fusion, ratio)
    return {ratio: system.eval().requires_grad_(False) for ratio, system in systems.items()}


def _optimised(
    system: VideoSystem,
    ratio: float,
    case: BenchCase,
    settings: BenchSettings,
    backend: Backend,
    precision: Precision,
) -> Variant:
    name = _name(ratio, precision if backend == "torch" else f"{precision}, ONNX Runtime")
    if backend == "onnxruntime":
        system = optimise(system, _FOR_ONNX)
        cost = _cost(system, case, settings)
        running = _on_onnx_runtime(system, case, settings)
        return Variant(name, running, "optimised", backend, precision, ratio, cost)
    wanted = Optimisations(precision=precision, compile=settings.compile)
    countable = optimise(system, replace(wanted, compile="no"))
    fast = optimise(system, wanted) if settings.compile != "no" else countable
    cost = _cost(countable, case, settings)
    return Variant(name, fast, "optimised", backend, precision, ratio, cost)


def _on_onnx_runtime(system: VideoSystem, case: BenchCase, settings: BenchSettings) -> OnnxSystem:
    """Export a system and open it: the runtime has read the files when they are removed."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "export"
        classes = numbered_classes(settings.num_classes)
        wanted = ExportSettings(case.size, classes, settings.keyframe_interval)
        export_system(system, folder, wanted)
        return OnnxSystem(folder)


def _cost(system: VideoSystem, case: BenchCase, settings: BenchSettings) -> GopCost:
    return system_cost(system, case.size, settings.keyframe_interval)


def numbered_classes(num_classes: int) -> ClassSet:
    """Classes for networks that were not trained."""
    names = tuple(f"class {k}" for k in range(num_classes))
    return ClassSet("numbered", names, tuple((k, k, k) for k in range(num_classes)))


def _name(ratio: float, what: str) -> str:
    return f"{'1x' if ratio == 1 else f'AR {ratio:g}x'}, {what}"


def _seen_data(network: nn.Module) -> Any:
    """Give batch norms the statistics of a trained network's, roughly: not exactly 0 and 1."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return network
