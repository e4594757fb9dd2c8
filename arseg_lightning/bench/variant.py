"""The methods that are compared, each in the form in which it runs."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from arseg_lightning.bench.case import Compared
from arseg_lightning.bench.settings import Backend, BenchSettings
from arseg_lightning.cost import MethodCost, method_cost
from arseg_lightning.cost.counting import on_meta
from arseg_lightning.export import ExportSettings, OnnxMethod, export_method
from arseg_lightning.inference import Optimisations, Precision
from arseg_lightning.methods import (
    FrameInput,
    Output,
    RoleCycle,
    State,
    VideoMethod,
    blank_frame,
    nominal_steps,
    role_cycle,
)
from arseg_lightning.streaming import choose_device

__all__ = ["Kind", "Variant", "plain_form", "variants"]

Kind = Literal["plain", "optimised"]

_FOR_ONNX = Optimisations(factored_enlargement=False, fused_fusion=False, channels_last=False)
"""What the graphs of an export can say: the algebra, but no kernels of ours."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A method in the form in which it runs.

    Args:
        method_name: What the method is called.
        method: The method, ready to run on its device.
        is_baseline: Whether others are compared with it.
        kind: As it was trained, in plain PyTorch; or optimised.
        backend: Who runs it.
        precision: In what it computes.
        cost: Its multiply-accumulates.
        cycle: The roles of its frames.
    """

    method_name: str
    method: VideoMethod
    is_baseline: bool
    kind: Kind
    backend: Backend
    precision: Precision
    cost: MethodCost
    cycle: RoleCycle

    @property
    def name(self) -> str:
        """What it is called in tables."""
        how = "plain PyTorch" if self.kind == "plain" else self.precision
        return f"{self.method_name}, {how}{', ONNX Runtime' * (self.backend == 'onnxruntime')}"


def variants(
    compared: Compared, size: tuple[int, int], settings: BenchSettings
) -> Iterator[Variant]:
    """Bring everything that is compared into the forms in which it is measured.

    The first baseline in plain PyTorch comes first.

    Args:
        compared: The methods.
        size: Height and width of the video.
        settings: How they are measured.

    Raises:
        ValueError: If a method cannot run on a backend, or a backend's package is missing.
    """
    device = choose_device(settings.device)
    plain = []
    for name, method in compared.methods.items():
        method.to(device)
        weightless = on_meta(method)
        cycle = role_cycle(weightless, nominal_steps(weightless, blank_frame(weightless, size)))
        variant = Variant(
            method_name=name,
            method=plain_form(method),
            is_baseline=name not in compared.own,
            kind="plain",
            backend="torch",
            precision="float32",
            cost=method_cost(method, size),
            cycle=cycle,
        )
        plain.append((method, variant))
        yield variant
    for backend in settings.backends:
        for precision in settings.precisions if backend == "torch" else ("float32",):
            for method, variant in plain:
                as_optimised = replace(
                    variant, kind="optimised", backend=backend, precision=precision
                )
                if backend == "torch":
                    yield _optimised(method, as_optimised, size, settings)
                else:
                    yield _exported(method, as_optimised, size, compared)


def _optimised(
    method: VideoMethod, variant: Variant, size: tuple[int, int], settings: BenchSettings
) -> Variant:
    wanted = Optimisations(precision=variant.precision, compile=settings.compile)
    countable = method.for_inference(replace(wanted, compile="no"))
    fast = countable if settings.compile == "no" else method.for_inference(wanted)
    return replace(variant, method=fast, cost=method_cost(countable, size))


def _exported(
    method: VideoMethod, variant: Variant, size: tuple[int, int], compared: Compared
) -> Variant:
    """Export a method and open it: the runtime has read the files when they are removed."""
    method = copy.deepcopy(method).to(torch.device("cpu")).for_inference(_FOR_ONNX)
    wanted = ExportSettings(size, compared.classes, compared.normalise, compared.chaining)
    with tempfile.TemporaryDirectory() as place:
        export_method(method, Path(place) / "export", wanted)
        running = OnnxMethod(Path(place) / "export")
    if running.clock is not None:
        running.clock = method.clock
    return replace(variant, method=running, cost=method_cost(method, size))


def plain_form(method: VideoMethod) -> VideoMethod:
    """A method as a few lines of PyTorch run it: labels are the argmax of upsampled scores.

    Args:
        method: The method; its networks are shared.
    """
    kind: Any = type(method)

    class Plain(kind):  # type: ignore[misc]
        def step(
            self, role: str, frame: FrameInput, state: State, **inputs: Tensor
        ) -> tuple[Output | None, State]:
            # Channels are outermost, as PyTorch has them by default.
            frame = replace(frame, image=frame.image.contiguous())
            output, state = super().step(role, frame, state, **inputs)
            if output is not None:
                output = _PlainOutput(output.scores, output.align_corners, output.feature)
            return output, state

    Plain.__name__ = kind.__name__
    plain = copy.copy(method)
    plain.__class__ = Plain
    return plain


class _PlainOutput(Output):
    """An output whose labels are found without a kernel of ours."""

    def labels(self, size: tuple[int, int]) -> Tensor:
        """The best class of every pixel, uint8 of shape (B, *size)."""
        return self.logits(size).argmax(dim=1).to(torch.uint8)
